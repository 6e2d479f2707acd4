import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import { clientConfigOf, databaseFault, readTls } from './postgres.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'concord-tls-'));
const ca = path.join(directory, 'ca.pem');
writeFileSync(ca, 'PEM');

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('TLS', () => {
  it('takes the files that are named, and checks the server unless it is told not to', () => {
    expect(readTls({ ca, verify: true })).toEqual({ ca: Buffer.from('PEM'), rejectUnauthorized: true });
    expect(readTls({ cert: ca, key: ca, servername: 'db', verify: false })).toEqual({
      cert: Buffer.from('PEM'),
      key: Buffer.from('PEM'),
      servername: 'db',
      rejectUnauthorized: false,
    });
  });

  it('is not asked for where nothing is said', () => {
    expect(clientConfigOf({ url: 'postgres://h/d' }, 'test')).not.toHaveProperty('ssl');
    expect(clientConfigOf({ url: 'postgres://h/d', tls: { verify: true } }, 'test')).toHaveProperty('ssl');
  });

  it('with a file that is not there is a fault that names it', () => {
    const missing = path.join(directory, 'no.pem');
    expect(() => readTls({ ca: missing, verify: true })).toThrow(
      expect.objectContaining({ kind: 'misconfigured', code: 'TLS_FILE_UNREADABLE', context: { file: missing } }),
    );
  });
});

describe('an error of a database', () => {
  it('that is a fault already passes unchanged', () => {
    const fault = new Fault('gap', 'SLOT_LOST', 'Lost.');
    expect(databaseFault(fault)).toBe(fault);
  });

  it('that is a bug of ours is thrown, not waited out', () => {
    const bug = new TypeError('x is not a function');
    expect(() => databaseFault(bug)).toThrow(bug);
  });

  it('that the server ended a transaction which stood idle means that we start over', () => {
    const error = new pg.DatabaseError('terminating connection due to idle-in-transaction timeout', 0, 'error');
    error.code = '25P03';
    expect(databaseFault(error)).toMatchObject({ kind: 'unavailable', context: { state: '25P03' } });
  });

  it.each([
    new Error('Connection terminated unexpectedly'),
    new Error('timeout expired'),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' }),
    new AggregateError([Object.assign(new Error('a'), { code: 'ECONNREFUSED' })], ''),
  ])('%s means that the server is away', (error) => {
    expect(databaseFault(error)).toMatchObject({ kind: 'unavailable', code: 'DATABASE_UNAVAILABLE', cause: error });
  });
});
