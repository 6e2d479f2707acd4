import type { RegistrationEntity, TableMapping } from '../routes.ts';
import type { ReferenceTable } from './contract.ts';
import { type ReferenceTableForm, referenceForms } from './tables.ts';

/** A reference table where the configuration says that it is. */
export interface ReferencePlace {
  readonly form: ReferenceTableForm;
  /** Quoted. */
  readonly table: string;
  /** Item → its column, quoted; items that the table does not have are left out. */
  readonly columns: ReadonlyMap<string, string>;
}

export function referencePlaces(
  mapping: Readonly<Partial<Record<RegistrationEntity, TableMapping>>>,
): ReadonlyMap<ReferenceTable, ReferencePlace> {
  return new Map(referenceForms.map((form) => [form.table, placeOf(form, mapping[form.table] ?? {})]));
}

function placeOf(form: ReferenceTableForm, { schema, table, columns }: TableMapping): ReferencePlace {
  const items = form.columns.map(({ item }) => item);
  if (form.table === 'participant') items.push('reference_version');
  const placed = items.flatMap((item) => {
    const column = columns?.[item];
    return column === null ? [] : [[item, quoted(column ?? item)] as const];
  });
  return {
    form,
    table: `${quoted(schema ?? 'registration')}.${quoted(table ?? form.table)}`,
    columns: new Map(placed),
  };
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
