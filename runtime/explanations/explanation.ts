/** What a code means to the person who reads it at night, and what that person does. Sentences; no word only we know. */
export interface Explanation {
  readonly code: string;
  readonly title: string;
  readonly meaning: string;
  readonly remedy: string;
}
