import type { Explanation } from './explanation.ts';

/** What keeps Market Domain Data from being loaded. */
export const referenceExplanations: readonly Explanation[] = [
  {
    code: 'REFERENCE_FILES_WRONG',
    title: 'The files of Market Domain Data are not right',
    meaning:
      'At least one of the CSV files is malformed, or the files are of different editions. Nothing is loaded: half an edition would refuse good records.',
    remedy: 'Correct what is listed, file by file (`docs/reference-files.md` describes them), and run it again.',
  },
  {
    code: 'REFERENCE_OLDER',
    title: 'The files are older than what is there',
    meaning: 'A newer version of Market Domain Data is in the reference tables, and this one would take it back.',
    remedy:
      'Load the newest version. If the newer one was wrong, look with `--plan` at what would change, and use `--force`.',
  },
  {
    code: 'REFERENCE_OUT_OF_TURN',
    title: 'The increment does not build on what is there',
    meaning:
      'An increment tells the changes since its base. Another version is there, so changes in between would be missing.',
    remedy: 'Load the increments in their order, or a full set. `--force` takes it as it is, after a look at `--plan`.',
  },
];
