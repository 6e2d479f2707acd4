import type pg from 'pg';

/** Types that an item treats alike. What is in no family that an item takes can still travel as text. */
export type TypeFamily =
  | 'boolean'
  | 'integer'
  | 'decimal'
  | 'date'
  | 'timestamp'
  | 'float'
  | 'bytes'
  | 'array'
  | 'other';

interface ColumnType {
  readonly name: string;
  readonly family: TypeFamily;
}

const familyOfBase: Readonly<Record<number, TypeFamily>> = {
  16: 'boolean',
  20: 'integer',
  21: 'integer',
  23: 'integer',
  26: 'integer',
  700: 'float',
  701: 'float',
  17: 'bytes',
  1700: 'decimal',
  1082: 'date',
  1114: 'timestamp',
  1184: 'timestamp',
};

const numeric = 1700;
/** `character` and `character varying`. */
const lengthTypes = new Set([1042, 1043]);

interface TypeRow {
  readonly oid: number;
  readonly name: string;
  readonly base: number;
  readonly category: string;
}

/**
 * The types of a database by their number, which is all that the stream says of them. A domain is in the family of
 * what it is based on.
 */
export class ColumnTypes {
  readonly #types = new Map<number, ColumnType>();

  /** Learns the types that there are now. */
  async load(client: Pick<pg.ClientBase, 'query'>): Promise<void> {
    const { rows } = await client.query<TypeRow>(
      `WITH RECURSIVE based AS (
         SELECT oid, oid AS base, typtype, typbasetype, typcategory FROM pg_type WHERE typtype NOT IN ('c', 'p')
         UNION ALL
         SELECT b.oid, t.oid, t.typtype, t.typbasetype, t.typcategory FROM based b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
       )
       SELECT oid::int8::float8 AS oid, format_type(oid, NULL) AS name, base::int8::float8 AS base, typcategory AS category
       FROM based WHERE typtype <> 'd'`,
    );
    for (const { oid, name, base, category } of rows) {
      this.#types.set(oid, { name, family: category === 'A' ? 'array' : (familyOfBase[base] ?? 'other') });
    }
  }

  /** Null for a type that was made after the types were learned. */
  family(oid: number): TypeFamily | null {
    return this.#types.get(oid)?.family ?? null;
  }

  /** As SQL writes it, with its modifier where that limits a value. */
  name(column: { readonly typeOid: number; readonly typeModifier: number }): string {
    const name = this.#types.get(column.typeOid)?.name ?? `the type with the number ${column.typeOid}`;
    const modifier = column.typeModifier - 4;
    if (modifier < 0) return name;
    if (column.typeOid === numeric) return `${name}(${modifier >> 16},${((modifier & 0x7ff) ^ 0x400) - 0x400})`;
    return lengthTypes.has(column.typeOid) ? `${name}(${modifier})` : name;
  }
}
