import type pg from 'pg';
import { isWidened } from '../../avro/widening.ts';

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
  /** What a domain is made of, with the modifier that the domain gives it; of any other type itself, with null. */
  readonly base: number;
  readonly domainModifier: number | null;
}

/** A type with its modifier, as a column has it. */
interface TypedColumn {
  readonly typeOid: number;
  readonly typeModifier: number;
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
  readonly modifier: number;
  readonly category: string;
}

/**
 * The types of a database by their number, which is all that the stream says of them. A domain is in the family of
 * what it is based on.
 */
export class ColumnTypes {
  readonly #types = new Map<number, ColumnType>();
  readonly #stored = new Map<string, TypedColumn>();

  /** Learns the types that there are now, and those that mirrored tables have in the store, as SQL. */
  async load(client: Pick<pg.ClientBase, 'query'>, stored: readonly string[] = []): Promise<void> {
    const { rows } = await client.query<TypeRow>(
      `WITH RECURSIVE based AS (
         SELECT oid, oid AS base, typtype, typbasetype, typcategory, typtypmod, -1 AS modifier FROM pg_type WHERE typtype NOT IN ('c', 'p')
         UNION ALL
         SELECT b.oid, t.oid, t.typtype, t.typbasetype, t.typcategory, t.typtypmod, b.typtypmod FROM based b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
       )
       SELECT oid::int8::float8 AS oid, format_type(oid, NULL) AS name, base::int8::float8 AS base, modifier, typcategory AS category
       FROM based WHERE typtype <> 'd'`,
    );
    for (const { oid, name, base, modifier, category } of rows) {
      const family = category === 'A' ? 'array' : (familyOfBase[base] ?? 'other');
      this.#types.set(oid, { name, family, base, domainModifier: base === oid ? null : modifier });
    }
    if (stored.length > 0) await this.#loadStored(client, [...new Set(stored)]);
  }

  /** Asked of the server, because only it knows what the modifiers of a type mean. */
  async #loadStored(client: Pick<pg.ClientBase, 'query'>, stored: readonly string[]): Promise<void> {
    const { rows } = await client.query<{ type: string }>(
      'SELECT type FROM unnest($1::text[]) type WHERE to_regtype(type) IS NOT NULL',
      [stored],
    );
    const { fields } = await client.query(`SELECT ${rows.map(({ type }) => `NULL::${type}`).join(', ')} WHERE false`);
    for (const [index, { type }] of rows.entries()) {
      const field = fields[index];
      if (field === undefined) continue;
      this.#stored.set(type, { typeOid: field.dataTypeID, typeModifier: field.dataTypeModifier });
    }
  }

  /**
   * Whether a column of the store's type, as SQL, takes the text of every value of a column, and means the same by it: the
   * column's type is the same, or one that became wider since.
   */
  isKept(stored: string, column: TypedColumn): boolean {
    if (stored === 'text') return true;
    const type = this.#types.get(column.typeOid);
    if (stored === 'text[]') return type?.family === 'array';
    const kept = this.#stored.get(stored);
    if (type === undefined || kept === undefined) return false;
    const base = { typeOid: type.base, typeModifier: type.domainModifier ?? column.typeModifier };
    const isSame = kept.typeOid === base.typeOid && (kept.typeModifier < 0 || kept.typeModifier === base.typeModifier);
    return isSame || isWidened(this.name(base), stored);
  }

  /** Null for a type that was made after the types were learned. */
  family(oid: number): TypeFamily | null {
    return this.#types.get(oid)?.family ?? null;
  }

  /** As SQL writes it, with its modifier where that limits a value. */
  name(column: TypedColumn): string {
    const name = this.#types.get(column.typeOid)?.name ?? `the type with the number ${column.typeOid}`;
    const modifier = column.typeModifier - 4;
    if (modifier < 0) return name;
    if (column.typeOid === numeric) return `${name}(${modifier >> 16},${((modifier & 0x7ff) ^ 0x400) - 0x400})`;
    return lengthTypes.has(column.typeOid) ? `${name}(${modifier})` : name;
  }
}
