import { maskDigits, maskMpan } from '../runtime/mask.ts';
import type { ItemValues } from './rows.ts';
import type { RepairRow } from './repair-plan.ts';
import type { Difference, ReconcileReport } from './report.ts';

/** The report as it may be shown: no MPAN core in full. */
export function maskedReport(report: ReconcileReport): ReconcileReport {
  return { ...report, differences: report.differences.map(maskedDifference) };
}

function maskedDifference(difference: Difference): Difference {
  const { table, key, values } = difference;
  if (isMirror(table)) {
    const shown = Object.entries(values).map(([item, { registration, metering }]) => [
      item,
      { registration: maskedText(registration), metering: maskedText(metering) },
    ]);
    return { ...difference, key: maskDigits(key), values: Object.fromEntries(shown) as Difference['values'] };
  }
  const mpan = values['mpan_core'];
  return {
    ...difference,
    key: table === 'metering_point' ? maskMpan(key) : key,
    values: mpan === undefined ? values : { ...values, mpan_core: maskedValues(mpan) },
  };
}

/** Which columns of a mirrored table hold an MPAN core is not known: whatever looks like one is masked. */
function isMirror(table: string): boolean {
  return table.includes('.');
}

function maskedText(text: string | null): string | null {
  return text === null ? null : maskDigits(text);
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
  if (isMirror(table)) {
    const shown = Object.entries(changes).map(([item, { before, after }]) => [
      item,
      { before: maskedText(before), after: maskedText(after) },
    ]);
    return { ...row, key: maskDigits(key), changes: Object.fromEntries(shown) as RepairRow['changes'] };
  }
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
