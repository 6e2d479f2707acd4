import type { FieldType } from '../../../avro/schemas.ts';

export interface DocumentedType {
  readonly type: string;
  readonly carried: FieldType;
  readonly stored: string;
  readonly note: string;
  /** So many values are tried besides random ones. */
  readonly values: number;
}

/** `docs/types.md`. */
export function typesMarkdown(types: readonly DocumentedType[]): string {
  const rows = types.map(
    ({ type, carried, stored, note, values }) =>
      `| ${code(type)} | ${carriedText(carried)} | ${code(stored)} | ${values} | ${note.replaceAll('|', '\\|')} |`,
  );
  return `${opening}${rows.join('\n')}\n`;
}

function carriedText(type: FieldType): string {
  if (typeof type === 'string') return type;
  if (typeof type === 'object' && 'logicalType' in type) {
    const size = type.logicalType === 'decimal' ? `(${type.precision}, ${type.scale})` : '';
    return `${type.logicalType}${size}`;
  }
  return JSON.stringify(type);
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

const opening = `# Types of mirrored tables

Made and held by \`connectors/metering/mirror/types.kafka.test.ts\` (\`vitest -u\` writes it): every type below goes from a real source over the
topic into a real store, read from the table, inserted and updated, with the values that broke others and with random ones, under
session settings that are as unlike ours as they can be; the text of source and store is then compared, value for value.

- *On the topic*: the item's Avro type. Each item is nullable and carries its column and PostgreSQL type as the property \`postgres\`.
  \`string\` is PostgreSQL's own text (ISO dates, UTC, shortest exact floats), which \`::type\` reads back.
- What a typed item can not hold is null there and stands in the envelope's map \`invalid\`, as text: nothing is lost.
- *In the store*: the type of the column in the schema \`mirror\`. Types that somebody has defined in the source's database are not made
  in the store: a domain is what it is made of; enums, composite types and ranges of one's own are their text, and so are names of
  database objects. Types of an extension are kept where the store has the extension.
- Arrays are their text on the topic, whatever their elements: dimensions, lower bounds and NULLs stay.
- Generated columns: stored ones from PostgreSQL 18 on; older servers do not send them, and no server sends virtual ones, so these are
  left out.
- A row whose text is larger than 7.5 MiB is sent without its largest values (\`VALUE_TOO_LARGE\`); the store names them in \`unsent\`.

| type | on the topic | in the store | values tried | |
|---|---|---|---|---|
`;
