import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createHelpers, insertPoints, insertReferenceData } from './registration-rows.fixture.ts';
import { count, Rig, until } from './rig.fixture.ts';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');

/** From the registration database to the report of Table 1, as a MAP runs it. */
describe('the report of a meter asset provider', () => {
  let rig: Rig;
  const role = `map_${randomBytes(4).toString('hex')}`;
  const file = path.join(tmpdir(), `${role}.csv`);

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await createHelpers(rig.registration);
    await insertReferenceData(rig.registration);
    await rig.registration.query(
      `INSERT INTO registration.participant VALUES ('MAPB', 'Z', 'Another', '2000-01-01', NULL, 1)`,
    );
    await insertPoints(rig.registration, 1, 1);
    await rig.registration.query(
      `UPDATE registration.metering_point SET supplier_mpid = 'SUPB', supplier_efd = '2099-01-01';
       INSERT INTO registration.meter_asset
         SELECT '00-00-00-00-00-00-00-0' || n, mpan(1), 'S' || n, 'ESME', 'Maker, "Ltd"', 'Model', 'Commissioned', '2024-04-01', NULL, NULL,
           '1', 'current', 'North', 'M1 1AA', '1234', true, true, CASE n WHEN 3 THEN 'MAPB' ELSE 'MAPA' END, '2024-04-01', NULL
         FROM generate_series(1, 3) n`,
    );
    await until(
      'the assets arrive',
      () => count(rig.metering, 'SELECT count(*) FROM metering.meter_asset'),
      (n) => n === 3,
    );
    await until(
      'the switch arrives',
      () => count(rig.metering, `SELECT count(*) FROM metering.metering_point WHERE supplier_mpid = 'SUPB'`),
      (n) => n === 1,
    );
  });

  afterAll(async () => {
    rmSync(file, { force: true });
    const { rows } = await rig.metering.query<{ name: string }>('SELECT current_database() AS name');
    await rig.metering.query(
      `REVOKE ALL ON DATABASE ${rows[0]?.name} FROM concord_map_reader; DROP ROLE IF EXISTS ${role}`,
    );
    await rig.stop();
  });

  async function addUser(...options: readonly string[]): Promise<{ status: number | null; stdout: string }> {
    const words = ['report', 'users', 'add', role, '--map', 'MAPA', '--password-stdin', ...options];
    const child = spawn(process.execPath, [program, ...words, '--config', rig.configurationFile], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stdin.end('correct horse\n');
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, stdout };
  }

  function logInAs(user: string, password: string): void {
    const settings = parse(readFileSync(rig.configurationFile, 'utf8')) as Record<string, unknown>;
    const url = new URL(rig.meteringUrl);
    url.username = user;
    url.password = password;
    writeFileSync(rig.configurationFile, stringify({ ...settings, report: { url: url.href } }));
  }

  test('needs a user of its own: the owner of the store is refused', async () => {
    const none = await rig.command('report', 'map', '--map', 'MAPA');
    expect({ status: none.status, stdout: none.stdout }).toEqual({ status: 2, stdout: '' });
    expect(none.stderr).toMatch(/Set report\.url in the configuration, or give --as ROLE/);
    const { username, password } = new URL(rig.meteringUrl);
    logInAs(username, password);
    const owner = await rig.command('report', 'map', '--map', 'MAPA');
    expect({ status: owner.status, stdout: owner.stdout }).toEqual({ status: 1, stdout: '' });
    expect(owner.stderr).toMatch(/^REPORT_NOT_REGISTERED: /);
  });

  test('shows a registered MAP its own assets, without suppliers, masked', async () => {
    expect(await addUser()).toEqual({ status: 0, stdout: `${role} is registered as MAPA: it sees its own assets.\n` });
    logInAs(role, 'correct horse');
    const { status, stdout } = await rig.command('report', 'map', '--map', 'MAPA', '--json');
    expect(status).toBe(0);
    const { lines } = JSON.parse(stdout) as { lines: readonly Record<string, unknown>[] };
    expect(lines.map((line) => line['device_id'])).toEqual(['00-00-00-00-00-00-00-01', '00-00-00-00-00-00-00-02']);
    expect(lines[0]).toMatchObject({ property_post_code: '***', uprn: '***', supplier_identifier: null });
    expect(stdout).not.toMatch(/\d{13}/);
    for (const [option, code] of [
      [['--supplier', 'SUPA'], 'REPORT_SUPPLIER_WITHHELD'],
      [['--reveal'], 'REPORT_PERSONAL_WITHHELD'],
      [['--map', 'MAPB'], 'REPORT_OTHER_MAP'],
    ] as const) {
      const refused = await rig.command('report', 'map', '--map', 'MAPA', ...option);
      expect({ status: refused.status, stdout: refused.stdout, code: refused.stderr.split(':')[0] }).toEqual({
        status: 1,
        stdout: '',
        code,
      });
    }
  });

  test('shows suppliers and personal data where they are granted, as a table and as a file', async () => {
    expect(await addUser('--supplier-items', '--personal-items')).toEqual({
      status: 0,
      stdout: `${role} is registered as MAPA: it sees its own assets, suppliers, personal data.\n`,
    });
    const table = await rig.command('report', 'map', '--map', 'MAPA', '--supplier', 'SUPA', '--as-at', '2025-01-01');
    expect(table.stdout).toMatch(/13\*{9}\d\d .* MAPA +2024-04-01 +SUPA +2024-04-01 +2098-12-31\n/);
    const { status } = await rig.command('report', 'map', '--map', 'MAPA', '--reveal', '--csv', file);
    expect(status).toBe(0);
    const [header, first] = readFileSync(file, 'utf8').split('\r\n');
    expect(header).toBe(
      'Device ID,Device Model,Manufacturer,Meter Serial Number,Device Type,DCC Compliant,DCC Approved,Device Status,Installation Date,Removal Date,Removal Reason,Firmware Version,Firmware Version Status,MPxN,CSP Region,Property Post Code,UPRN,MAP Identifier,MAP Effective From Date,MAP Effective To Date,Supplier Identifier,Supplier Effective From Date,Supplier Effective To Date',
    );
    const { rows } = await rig.registration.query<{ mpan: string }>('SELECT mpan(1) AS mpan');
    expect(first).toBe(
      `00-00-00-00-00-00-00-01,Model,"Maker, ""Ltd""",S1,ESME,yes,yes,Commissioned,2024-04-01,,,1,current,${rows[0]?.mpan},North,M1 1AA,1234,MAPA,2024-04-01,,SUPA,2024-04-01,2098-12-31`,
    );
  });

  test('leaves every run on record, refused ones too', async () => {
    const { stdout } = await rig.command('report', 'runs', '--json');
    const runs = JSON.parse(stdout) as readonly {
      outcome: string;
      refused_code: string | null;
      row_count: string | null;
    }[];
    expect(runs.map(({ refused_code: code, row_count: rows }) => code ?? rows)).toEqual([
      '2',
      '2',
      'REPORT_OTHER_MAP',
      'REPORT_PERSONAL_WITHHELD',
      'REPORT_SUPPLIER_WITHHELD',
      '2',
      'REPORT_NOT_REGISTERED',
    ]);
    expect((await rig.command('report', 'users', 'remove', role)).status).toBe(0);
    const gone = await rig.command('report', 'map', '--map', 'MAPA');
    expect({ status: gone.status, code: gone.stderr.split(':')[0] }).toEqual({ status: 1, code: 'DATABASE_REFUSED' });
  });
});
