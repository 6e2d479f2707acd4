/** Something that keeps the source from working, as a value: what, and what to do. */
export interface SourceFinding {
  readonly code: string;
  readonly text: string;
  readonly remedy: string;
}
