import type { ClientBase } from 'pg';

export type Row = readonly (string | null)[];

/** Rows as PostgreSQL's text, which is parsed here: by what an item is, not by its column's type. */
export async function readRows(
  client: ClientBase,
  text: string,
  values: readonly unknown[],
  name?: string,
): Promise<readonly Row[]> {
  const query = { text, values: [...values], rowMode: 'array' as const, types: rawTypes };
  // With a name it is planned once per connection: a lone change spends more time on plans than on rows.
  const result = await client.query(name === undefined ? query : { ...query, name });
  return result.rows as Row[];
}

const rawTypes = { getTypeParser: () => (text: unknown) => text } as const;
