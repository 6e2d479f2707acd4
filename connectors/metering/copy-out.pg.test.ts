import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { CopyBinary } from './copy-binary.ts';
import { CopyFields, copyOut } from './copy-out.ts';
import { CopyText } from './copy-rows.ts';
import { itemsOfBlock } from './row-place.ts';
import type { RowWriter } from './row-writer.ts';
import { copyRows } from './write.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').meteringUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(
    'CREATE TABLE any_row (at int, a text, b bigint, c boolean, d text, e numeric(18, 6), f date, g timestamptz, h tid)',
  );
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

// PostgreSQL keeps neither NUL nor lone surrogates.
const text = fc.option(
  fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', '\\N', '\\', '\t', 'a\nb', '\r', '\b\v', 'é')),
  {
    nil: null,
  },
);
const row = fc.tuple(
  text,
  fc.option(fc.maxSafeInteger(), { nil: null }),
  fc.option(fc.boolean(), { nil: null }),
  text,
  fc.option(fc.maxSafeInteger(), { nil: null }),
  // As far as both PostgreSQL and the parts of JavaScript's dates go: 4713 BC to 9999.
  fc.integer({ min: -2_440_000, max: 2_932_896 }),
  // Times of commits are after 1970.
  fc.maxSafeNat(),
  fc
    .integer({ min: 0, max: 4_294_967_294 })
    .chain((block) => fc.integer({ min: 1, max: 65_535 }).map((item) => block * itemsOfBlock + item)),
);

function write(
  copy: RowWriter,
  index: number,
  [a, b, c, d, e, f, g, h]: typeof row extends fc.Arbitrary<infer R> ? R : never,
): void {
  copy.integer(index);
  copy.text(a?.replaceAll('\0', ''));
  if (b === null) copy.absent();
  else copy.long(b);
  if (c === null) copy.absent();
  else copy.boolean(c);
  copy.text(d?.replaceAll('\0', ''));
  if (e === null) copy.absent();
  else copy.millionths(e);
  copy.date(f);
  copy.timestamp(g);
  copy.place(h);
  copy.endRow();
}

test.each([
  ['text', '', () => new CopyText()],
  ['binary', ' BINARY', () => new CopyBinary()],
] as const)(
  'whatever is written as COPY %s is what the server has, and is read back the same',
  async (_, format, make) => {
    const copy = make();
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        copy.clear();
        for (const [index, one] of rows.entries()) write(copy, index, one);
        await client.query('TRUNCATE any_row');
        await copyRows(client, `COPY any_row FROM STDIN${format}`, copy);
        const expected = rows.map(([a, b, c, d, e, f, g, h]) => {
          return [a?.replaceAll('\0', '') ?? null, b, c, d?.replaceAll('\0', '') ?? null, e, f, g, h];
        });
        const query = `SELECT a, b, c, d, (e * 1000000)::bigint, f - date '1970-01-01', (extract(epoch FROM g) * 1000000)::bigint, h
        FROM any_row ORDER BY at`;
        const fields = new CopyFields();
        const read: unknown[] = [];
        for (fields.begin(await copyOut(client, query)); !fields.isAtEnd; ) {
          read.push([
            fields.text(),
            fields.integer(),
            fields.boolean(),
            fields.text(),
            fields.integer(),
            fields.integer(),
            fields.integer(),
            fields.place(),
          ]);
        }
        expect(read).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  },
);
