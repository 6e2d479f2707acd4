import type { ItemPair, RowPair } from './both-rows.ts';

/** Items that tell rows of an entity apart at a glance; two dates of a period come last. */
const telling: Readonly<Record<string, readonly string[]>> = {
  metering_point: ['gsp_group', 'distributor_mpid', 'supplier_mpid', 'supplier_efd'],
  appointment: ['service_type', 'mpid', 'metering_service_efd', 'metering_service_etd'],
  meter_asset: ['device_type', 'status', 'installed_on', 'removed_on'],
};
/** Items that end a period: an open end is shown as one. */
const ends: ReadonlySet<string> = new Set(['metering_service_etd', 'removed_on']);

export function rowName({ entity, key }: Pick<RowPair, 'entity' | 'key'>): string {
  return entity === 'metering_point' ? entity : `${entity} ${key}`;
}

/** One line for a row that agrees, or that one side lacks; for one that differs, the items that do. */
export function foldedLines(row: RowPair, columns: number): readonly string[] {
  const { inRegistration, inMetering, items } = row;
  if (!inRegistration || !inMetering) {
    const where = inRegistration ? 'only in registration' : 'only in metering';
    return [cut(`≠ ${rowName(row)}  ${tellingOf(row)}  ${where}`, columns)];
  }
  const differing = items.filter(({ differs }) => differs);
  if (differing.length === 0) return [cut(`  ${rowName(row)}  ${tellingOf(row)}  agrees`, columns)];
  const agreeing = items.length - differing.length;
  const rest = agreeing === 0 ? '' : `  (${agreeing} other items agree)`;
  return [`≠ ${rowName(row)}${rest}`, ...itemLines(differing, columns)];
}

function itemLines(items: readonly ItemPair[], columns: number): readonly string[] {
  const width = Math.max(...items.map(({ name }) => name.length));
  const values = Math.max('registration'.length, ...items.map(({ registration }) => (registration ?? '–').length));
  const valueWidth = Math.min(values, Math.floor((columns - width - 8) / 2));
  const line = (name: string, registration: string, metering: string): string =>
    `    ${name.padEnd(width)}  ${cut(registration, valueWidth).padEnd(valueWidth)}  ${cut(metering, valueWidth)}`.trimEnd();
  return [
    line('', 'registration', 'metering'),
    ...items.map(({ name, registration, metering }) => line(name, registration ?? '–', metering ?? '–')),
  ];
}

function tellingOf({ entity, inRegistration, items }: RowPair): string {
  const told = telling[entity] ?? [];
  return told
    .map((name) => {
      const item = items.find((one) => one.name === name);
      const value = (inRegistration ? item?.registration : item?.metering) ?? null;
      return ends.has(name) ? `– ${value ?? ''}`.trim() : (value ?? '');
    })
    .filter((text) => text !== '')
    .join(' ');
}

/** No longer than the columns there are. */
export function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
