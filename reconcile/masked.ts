import { maskMpan } from '../runtime/mask.ts';
import type { ItemValues } from './evidence.ts';
import type { RepairRow } from './repair-plan.ts';
import type { Difference, ReconcileReport } from './report.ts';

/** The report as it may be shown: no MPAN core in full. */
export function maskedReport(report: ReconcileReport): ReconcileReport {
  return { ...report, differences: report.differences.map(maskedDifference) };
}

function maskedDifference(difference: Difference): Difference {
  const { table, key, values } = difference;
  const mpan = values['mpan_core'];
  return {
    ...difference,
    key: table === 'metering_point' ? maskMpan(key) : key,
    values: mpan === undefined ? values : { ...values, mpan_core: maskedValues(mpan) },
  };
}

function maskedValues({ registration, metering }: ItemValues): ItemValues {
  return { registration: masked(registration), metering: masked(metering) };
}

function masked(text: string | null): string | null {
  return text === null ? null : maskMpan(text);
}

/** A row of a repair as it may be shown. */
export function maskedRepairRow(row: RepairRow): RepairRow {
  const { table, key, changes } = row;
  const mpan = changes['mpan_core'];
  return {
    ...row,
    key: table === 'metering_point' ? maskMpan(key) : key,
    changes:
      mpan === undefined
        ? changes
        : { ...changes, mpan_core: { before: masked(mpan.before), after: masked(mpan.after) } },
  };
}
