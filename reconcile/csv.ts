import { csvText } from '../runtime/csv.ts';
import type { ReconcileReport } from './report.ts';

/** The differences as comma-separated values (RFC 4180): a line for each item that differs, or for the row. */
export function csvOf({ differences, point }: ReconcileReport): string {
  const lines = [['table', 'key', 'cause', 'item', 'registration', 'metering', 'rules', 'snapshot', 'lsn', 'at']];
  for (const { table, key, cause, items, values, rules } of differences) {
    for (const item of items.length === 0 ? [''] : items) {
      const { registration = null, metering = null } = values[item] ?? {};
      const where = [point.snapshot, point.lsn, point.at];
      lines.push([table, key, cause, item, registration ?? '', metering ?? '', rules.join(' '), ...where]);
    }
  }
  return csvText(lines);
}
