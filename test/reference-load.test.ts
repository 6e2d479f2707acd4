import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createHelpers, goodPoint } from './registration-rows.fixture.ts';
import { type CommandResult, count, Rig, until } from './rig.fixture.ts';

const columns = 'mpid,role,name,effective_from,effective_to';
const participants = `MANW,R,Distributor,1996-04-01,
SUPA,X,Supplier A,2000-01-01,
DATA,D,Data service,2000-01-01,
MSVA,M,Smart metering service,2000-01-01,
MAPA,Z,Asset provider,2000-01-01,
MAPX,Z,An asset provider that ended,2000-01-01,2015-03-31
`;
const distributors = 'prefix,distributor_mpid,gsp_group,effective_from,effective_to\n13,MANW,_D,1996-04-01,\n';

/** Market Domain Data lags behind the business: records name who is not known yet, and wait. */
describe('reference data loaded from files', () => {
  let rig: Rig;
  const directory = mkdtempSync(path.join(tmpdir(), 'concord-mdd-'));

  async function load(
    name: string,
    files: Readonly<Record<string, string>>,
    ...options: string[]
  ): Promise<CommandResult> {
    const place = path.join(directory, name);
    mkdirSync(place, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(path.join(place, file), text);
    return rig.command('reference', 'load', place, ...options);
  }

  async function insertAsset(device: number, mapMpid: string, mapEfd: string): Promise<void> {
    await rig.registration.query(
      `INSERT INTO registration.meter_asset VALUES ('00-00-00-00-00-00-00-0' || $1::text, mpan(1), 'S' || $1::text, 'ESME', 'Maker', 'Model',
         'Commissioned', $3::date, NULL, NULL, '1', 'current', 'North', 'M1 1AA', '1', true, true, $2::text, $3::date, NULL)`,
      [device, mapMpid, mapEfd],
    );
  }

  const held = async (): Promise<readonly { rule_codes: readonly string[] }[]> =>
    (
      await rig.metering.query<{ rule_codes: string[] }>(
        'SELECT entity, rule_codes, due > held_since AS has_deadline FROM metering.held ORDER BY entity DESC',
      )
    ).rows;

  beforeAll(async () => {
    rig = await Rig.create(inject('stack'));
    await rig.init();
    rig.start('registration');
    rig.start('metering');
    await createHelpers(rig.registration);
  });

  afterAll(async () => {
    await rig.stop();
    rmSync(directory, { recursive: true });
  });

  test('arrives in the metering store as one version', async () => {
    const first = '#mdd version=1 set=full';
    const files = {
      'participant.csv': `${first}\n${columns}\n${participants}`,
      'distributor_gsp_group.csv': `${first}\n${distributors}`,
    };
    const plan = await load('1', files, '--plan');
    expect({
      status: plan.status,
      rows: await count(rig.registration, 'SELECT count(*) FROM registration.participant'),
    }).toEqual({
      status: 3,
      rows: 0,
    });
    const { status, stdout } = await load('1', files);
    expect(stdout).toContain('Loaded Market Domain Data version 1, full set, over nothing');
    expect(status).toBe(0);
    await until(
      'six participants arrive',
      () => count(rig.metering, 'SELECT count(*) FROM metering.participant WHERE reference_version = 1'),
      (n) => n === 6,
    );
    expect(await count(rig.metering, 'SELECT count(DISTINCT lsn) FROM metering.participant')).toBe(1);
  });

  test('that does not know a supplier or a MAP yet makes records wait, and what it knows to have ended is an error', async () => {
    await rig.registration.query(
      `INSERT INTO registration.metering_point SELECT ${goodPoint.replace('SUPA', 'SUPN')} FROM generate_series(1, 1) AS n`,
    );
    await insertAsset(1, 'MAPN', '2024-04-01');
    await insertAsset(2, 'MAPX', '2024-04-01');
    await insertAsset(3, 'MAPX', '2015-03-31');
    await insertAsset(4, 'MAPA', '2024-04-01');
    await until(
      'the good assets arrive',
      () => count(rig.metering, 'SELECT count(*) FROM metering.meter_asset'),
      (n) => n === 2,
    );
    const waiting = await until(
      'two records wait, and for nothing that is still being loaded',
      held,
      (rows) => rows.length === 2 && rows.every(({ rule_codes }) => !rule_codes.includes('LOADING')),
    );
    expect(waiting).toEqual([
      { entity: 'metering_point', rule_codes: ['PARTICIPANT_UNKNOWN'], has_deadline: true },
      { entity: 'meter_asset', rule_codes: ['MAP_UNKNOWN'], has_deadline: true },
    ]);
    await until(
      'the ended MAP is an error on both sides',
      async () => (await rig.registration.query('SELECT rule_codes, entity_key FROM inbox.rejection')).rows,
      (rows) => rows.length === 1,
    );
    const { rows } = await rig.metering.query('SELECT rule_codes, reference_version FROM metering.rejection');
    expect(rows).toEqual([{ rule_codes: ['MAP_INACTIVE'], reference_version: 1 }]);
  });

  test('of mixed versions is refused, and nobody is released by it', async () => {
    const { status, stdout } = await load('mixed', {
      'participant.csv': `#mdd version=2 set=increment base=1\n${columns}\nSUPN,X,New supplier,2020-01-01,\n`,
      'distributor_gsp_group.csv': `#mdd version=3 set=increment base=1\n${distributors}`,
    });
    expect(stdout).toContain('participant.csv:1 is of another edition (version 2, increment on version 1)');
    expect(status).toBe(3);
    expect(await count(rig.registration, 'SELECT count(*) FROM registration.participant')).toBe(6);
  });

  test('of a newer version releases what waited for it: applied, with its own position, decided by the newer one', async () => {
    const { status } = await load('2', {
      'participant.csv': `#mdd version=2 set=increment base=1\n${columns}\nSUPN,X,New supplier,2020-01-01,\nMAPN,Z,New asset provider,2020-01-01,\n`,
    });
    expect(status).toBe(0);
    await until('nothing waits', held, (rows) => rows.length === 0);
    const { rows } = await rig.metering.query(
      `SELECT p.supplier_mpid, a.map_mpid, p.decided_lsn > p.lsn AS point_decided_later, a.decided_lsn = p.decided_lsn AS by_the_same,
         (SELECT lsn FROM metering.participant WHERE mpid = 'SUPN') = p.decided_lsn AS by_the_participant
       FROM metering.metering_point p JOIN metering.meter_asset a ON a.map_mpid = 'MAPN'`,
    );
    expect(rows).toEqual([
      {
        supplier_mpid: 'SUPN',
        map_mpid: 'MAPN',
        point_decided_later: true,
        by_the_same: true,
        by_the_participant: true,
      },
    ]);
  });

  test('of an older version is refused, with what to do', async () => {
    const { status, stdout } = await load('1', {});
    expect(stdout).toMatch(
      /REFERENCE_OLDER: The files are version 1, and version 2 is there already\. Nothing is loaded\.\n {2}What to do/,
    );
    expect(status).toBe(3);
    expect(await count(rig.registration, 'SELECT count(*) FROM registration.participant')).toBe(8);
  });
});
