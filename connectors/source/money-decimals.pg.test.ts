import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { expect, test } from 'vitest';
import { PostgresServer } from '../../test/postgres-server.fixture.ts';
import type { TableRoute } from './contract.ts';
import { moneyFindings } from './money-decimals.ts';
import { readTable } from './table-catalog.ts';

const definition = '/usr/share/i18n/locales/ja_JP';

/** A locale must be made for it, because most machines have none of another number of decimals. */
test.skipIf(!existsSync(definition))(
  'an amount that has other decimals here than where it is read is a finding, and one that has the same is none',
  async () => {
    const locales = mkdtempSync(path.join(tmpdir(), 'concord-locales-'));
    chmodSync(locales, 0o755);
    execFileSync('localedef', ['-i', definition, '-f', 'UTF-8', path.join(locales, 'ja_JP.UTF-8')]);
    const server = await PostgresServer.make();
    const before = process.env['LOCPATH'];
    process.env['LOCPATH'] = locales;
    let client: pg.Client | undefined;
    try {
      await server.start();
      client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query('CREATE TABLE prices (id int PRIMARY KEY, price money, prices money[], other numeric)');
      const table = await readTable(client, 'public', 'prices');
      if (table === null) throw new Error('no table');
      const route: TableRoute = {
        schema: 'public',
        table: 'prices',
        entity: 'prices',
        primaryKey: ['id'],
        messageKey: ['id'],
        topic: { kind: 'one', topic: 'prices' },
        items: { price: 'price', prices: 'prices', other: 'other' },
        correlationColumn: null,
        recordType: { kind: 'row-change' },
        tombstones: true,
        reference: false,
        loadOrder: 0,
      };
      expect(await moneyFindings(client, route, table)).toEqual([]);
      await client.query(`SET lc_monetary = 'ja_JP.UTF-8'`);
      const found = await moneyFindings(client, route, table);
      expect(found.map(({ code, remedy }) => [code, remedy.slice(remedy.indexOf('TYPE'))])).toEqual([
        ['MONEY_DECIMALS', 'TYPE numeric USING "price"::numeric.'],
        ['MONEY_DECIMALS', 'TYPE numeric[] USING "prices"::numeric[].'],
      ]);
      expect(found[0]?.text).toContain('have 0 decimals in this database (lc_monetary is ja_JP.UTF-8)');
      // As the message says.
      for (const { remedy } of found) await client.query(remedy.slice(0, -1));
    } finally {
      await client?.end();
      if (before === undefined) delete process.env['LOCPATH'];
      else process.env['LOCPATH'] = before;
      await server.remove();
      rmSync(locales, { recursive: true });
    }
  },
);
