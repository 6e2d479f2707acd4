import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../test/database.fixture.ts';
import { CopyFields, copyOut } from './copy-out.ts';
import { CopyText } from './copy-rows.ts';
import { copyRows } from './write.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase(inject('stack').meteringUrl);
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('CREATE TABLE any_row (at int, a text, b bigint, c boolean, d text, e numeric(12, 6))');
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
  fc.option(fc.integer({ min: -999_999_999_999, max: 999_999_999_999 }), { nil: null }),
);

test('whatever is written as COPY text is read back the same, and is what the server has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
      const copy = new CopyText();
      for (const [index, [a, b, c, d, e]] of rows.entries()) {
        copy.integer(index);
        copy.text(a?.replaceAll('\0', ''));
        if (b === null) copy.absent();
        else copy.integer(b);
        if (c === null) copy.absent();
        else copy.boolean(c);
        copy.text(d?.replaceAll('\0', ''));
        if (e === null) copy.absent();
        else copy.millionths(e);
        copy.endRow();
      }
      await client.query('TRUNCATE any_row');
      await copyRows(client, 'COPY any_row FROM STDIN', copy);
      const expected = rows.map(([a, b, c, d, e]) => [
        a?.replaceAll('\0', '') ?? null,
        b,
        c,
        d?.replaceAll('\0', '') ?? null,
        e,
      ]);
      const query = 'SELECT a, b, c, d, (e * 1000000)::bigint FROM any_row ORDER BY at';
      const stored = await client.query({ text: query, rowMode: 'array' });
      expect(
        stored.rows.map(([a, b, c, d, e]) => [a, b === null ? null : Number(b), c, d, e === null ? null : Number(e)]),
      ).toEqual(expected);
      const fields = new CopyFields();
      const read: unknown[] = [];
      for (fields.begin(await copyOut(client, query)); !fields.isAtEnd; ) {
        read.push([fields.text(), fields.integer(), fields.boolean(), fields.text(), fields.integer()]);
      }
      expect(read).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});
