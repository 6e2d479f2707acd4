import type { Explanation } from './explanation.ts';

/** Why somebody may not see a report, or not all of it. */
export const reportExplanations: readonly Explanation[] = [
  {
    code: 'REPORT_NOT_REGISTERED',
    title: 'Who asks for the report is not registered as a MAP',
    meaning:
      'The report goes by the database user who asks, and this one is no meter asset provider. The attempt is kept.',
    remedy:
      'Log in as the user of a MAP (`report.url`, or `--as`). An administrator registers one with `concord report users add ROLE --map MPID`.',
  },
  {
    code: 'REPORT_OTHER_MAP',
    title: 'A MAP sees its own assets only',
    meaning: 'The database user who asks is registered as another meter asset provider. The attempt is kept.',
    remedy: 'Ask with your own MPID. `concord report users list` shows an administrator who is which MAP.',
  },
  {
    code: 'REPORT_SUPPLIER_WITHHELD',
    title: 'Suppliers are not shown to this MAP',
    meaning:
      'Who supplies a metering point is commercially sensitive: without a grant the supplier columns are blank, and they can not be asked for.',
    remedy: 'Leave out `--supplier`, or have it granted: `concord report users add ROLE --map MPID --supplier-items`.',
  },
  {
    code: 'REPORT_PERSONAL_WITHHELD',
    title: 'Personal data is shown to this MAP masked only',
    meaning: 'MPxN, postcode and UPRN are personal data: `--reveal` needs a grant.',
    remedy: 'Leave out `--reveal`, or have it granted: `concord report users add ROLE --map MPID --personal-items`.',
  },
  {
    code: 'REPORT_RUN_UNKNOWN',
    title: 'A run of the report may not be read',
    meaning:
      'A run is read by the user who opened it, within ten minutes, and while its grants are as they were. With SQL it must be opened in a transaction of its own.',
    remedy: 'Run the report again.',
  },
  {
    code: 'REPORT_MIGRATION_MISSING',
    title: 'The metering store has no report yet',
    meaning: 'The tables and functions of the report come with a migration of the store, which has not been run.',
    remedy: 'Run `concord init`, then try again.',
  },
];
