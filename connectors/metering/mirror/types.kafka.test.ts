import pg from 'pg';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { mirrorSchema } from '../../../avro/mirror-schema.ts';
import { itemFields, presentType, type RecordSchema } from '../../../avro/schemas.ts';
import { Rig, until } from '../../../test/rig.fixture.ts';
import { quoteIdentifier } from '../../source/sql.ts';
import { readShape } from '../../source/table-shape.ts';
import { storeBefore, typeCases, typesBefore } from './types.fixture.ts';
import { typesMarkdown } from './types-document.fixture.ts';

/** So many rows of random values; the seed is printed, and can be given again. */
const randomRows = 40;
const seed = Number(process.env['CONCORD_SEED'] ?? Date.now() % 0x7fff_ffff);

/** Whatever a database, a role or a driver has as its default: no value may depend on it. */
const adverse = `datestyle = 'SQL, DMY'; intervalstyle = 'sql_standard'; bytea_output = 'escape'; extra_float_digits = -10;
  timezone = 'Asia/Kathmandu'; xmloption = 'document'; search_path = 'pg_catalog'`;

/** Both sides are read alike, and losing nothing. */
const reading = `SET datestyle = ISO; SET intervalstyle = postgres; SET bytea_output = hex; SET extra_float_digits = 3; SET xmloption = content;
  SET timezone = 'UTC'; SET search_path = pg_catalog; SET lc_monetary = 'C'`;

const names = typeCases.map(({ type }, index) => `c${index} ${type}`);
const rowsMax = Math.max(...typeCases.map(({ edges }) => edges.length));

describe('a value of any type of PostgreSQL', () => {
  let rig: Rig;
  let schema: RecordSchema;
  let source: pg.Client;
  let store: pg.Client;

  beforeAll(async () => {
    process.stderr.write(`types: CONCORD_SEED=${seed}\n`);
    rig = await Rig.create(inject('stack'), {}, { types: { kind: 'mirror', schema: 'one' } });
    await rig.metering.query(storeBefore);
    await rig.registration.query(`${typesBefore}
      CREATE TABLE one.types (id int PRIMARY KEY, ${names.map((name, index) => `${quoteIdentifier(name)} ${typeCases[index]?.type ?? ''}`).join(', ')},
        generated text GENERATED ALWAYS AS ('id ' || id) STORED, virtual int GENERATED ALWAYS AS (id * 2) VIRTUAL)`);
    for (const url of [rig.registrationUrl, rig.meteringUrl]) await makeAdverse(url);
    await rig.reconnect();
    [source, store] = [await reader(rig.registrationUrl), await reader(rig.meteringUrl)];
    schema = mirrorSchema(await readShape(source, { schema: 'one', table: 'types' }));
    // Half of it is loaded, half of it comes through the stream.
    await insertEdges(0);
    await rig.init();
    rig.start('registration');
    rig.start('metering');
  });

  afterAll(async () => {
    await source.end();
    await store.end();
    await rig.stop();
  });

  async function insert(id: number, values: readonly (string | null)[]): Promise<void> {
    const columns = names.map(quoteIdentifier).join(', ');
    const places = values.map((_, index) => `$${index + 2}`).join(', ');
    await source.query(`INSERT INTO one.types (id, ${columns}) VALUES ($1, ${places})`, [id, ...values]);
  }

  async function insertEdges(from: number): Promise<void> {
    for (let row = 0; row < rowsMax; row += 1) {
      await insert(
        from + row,
        typeCases.map(({ edges }) => edges[row % edges.length] ?? null),
      );
    }
  }

  const valuesOf = async (client: pg.Client, table: string): Promise<readonly (readonly (string | null)[])[]> => {
    const texts = [...names, 'generated'].map((name) => `${quoteIdentifier(name)}::text`).join(', ');
    const { rows } = await client.query<(string | null)[]>({
      text: `SELECT id::text, ${texts} FROM ${table} ORDER BY id`,
      rowMode: 'array',
    });
    return rows;
  };

  async function expectEqual(): Promise<void> {
    const there = await valuesOf(source, 'one.types');
    const here = await until(
      'the store has the same values',
      () => valuesOf(store, 'mirror."one.types"'),
      (found) => JSON.stringify(found) === JSON.stringify(there),
      30_000,
    ).catch(() => valuesOf(store, 'mirror."one.types"'));
    const differing = there.flatMap((row, at) =>
      row.flatMap((value, column) =>
        value === here[at]?.[column]
          ? []
          : [{ column: ['id', ...names][column], there: value, here: here[at]?.[column] }],
      ),
    );
    expect({ seed, rows: here.length, differing: differing.slice(0, 10) }).toEqual({
      seed,
      rows: there.length,
      differing: [],
    });
  }

  test('is in the store what it is in the source, read from the table', async () => {
    await expectEqual();
  });

  test('is in the store what it is in the source, inserted', async () => {
    await insertEdges(1_000);
    await expectEqual();
  });

  test('is in the store what it is in the source, whatever the value', async () => {
    const rows = fc.sample(fc.tuple(...typeCases.map(({ arbitrary }) => fc.option(arbitrary, { freq: 10 }))), {
      numRuns: randomRows,
      seed,
    });
    for (const [index, row] of rows.entries()) await insert(2_000 + index, row);
    await expectEqual();
  });

  test.each(['default', 'full'])(
    'is in the store what it is in the source, updated with replica identity %s',
    async (identity) => {
      // PostgreSQL refuses updates of a whole identity with a column that it does not publish.
      await source.query(`ALTER TABLE one.types DROP COLUMN IF EXISTS virtual`);
      await source.query(`ALTER TABLE one.types REPLICA IDENTITY ${identity}`);
      const set = names.map((name) => `${quoteIdentifier(name)} = o.${quoteIdentifier(name)}`).join(', ');
      await source.query(`UPDATE one.types t SET ${set} FROM one.types o WHERE o.id = t.id + 1`);
      // Nothing changes, and large values are not sent again.
      await source.query('UPDATE one.types SET id = id');
      await expectEqual();
    },
  );

  test('has a column of its own type in the store, unless somebody defined it', async () => {
    const { rows } = await store.query<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
       WHERE attrelid = 'mirror."one.types"'::regclass AND attnum > 0`,
    );
    const stored = new Map(rows.map(({ name, type }) => [name, type]));
    const documented = itemFields(schema)
      .filter(({ postgres }) => names.includes(postgres?.column ?? ''))
      .map(({ postgres, type }, index) => ({
        type: typeCases[index]?.type ?? '',
        carried: presentType(type),
        stored: stored.get(postgres?.column ?? '') ?? '',
        note: typeCases[index]?.note ?? '',
        values: typeCases[index]?.edges.length ?? 0,
      }));
    expect(stored.get('generated')).toBe('text');
    expect(stored.has('virtual')).toBe(false);
    await expect(typesMarkdown(documented)).toMatchFileSnapshot('../../../docs/types.md');
  });
});

async function makeAdverse(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>('SELECT quote_ident(current_database()) AS name');
  for (const setting of adverse.split(';')) await client.query(`ALTER DATABASE ${rows[0]?.name ?? ''} SET ${setting}`);
  await client.end();
}

async function reader(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  await client.query(reading);
  return client;
}
