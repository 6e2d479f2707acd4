/** Market Domain Data as files of a directory, on its way into the registration database's reference tables. */

export type ReferenceTable = 'participant' | 'distributor_gsp_group';

/** Which edition files belong to: the first line of each says so. */
export interface Edition {
  readonly version: number;
  /** A full set says what there is (as D0269 does), an increment what has changed since `base` (as D0270 does). */
  readonly set: 'full' | 'increment';
  readonly base: number | null;
}

/** One line of a file. Items by name; dates as ISO text. */
export interface ReferenceRow {
  readonly change: 'put' | 'remove';
  readonly items: Readonly<Record<string, string | null>>;
}

/** Everything that the files of a directory say. A table without a file is absent. */
export interface ReferenceSet {
  readonly edition: Edition;
  readonly files: readonly string[];
  readonly rows: ReadonlyMap<ReferenceTable, readonly ReferenceRow[]>;
}

/** Why files are refused: where it is, what is wrong, and what to do. */
export interface ReferenceProblem {
  readonly file: string;
  readonly line: number | null;
  readonly column: string | null;
  readonly problem: string;
  readonly fix: string;
}

/** Gathers the problems of a file. */
export type Complain = (line: number | null, column: string | null, problem: string, fix: string) => void;
