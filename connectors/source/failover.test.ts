import { expect, test } from 'vitest';
import { readinessOf } from './failover.ts';

const ready = {
  slot: { failover: true },
  synchronized: 'standby_1',
  missing: null,
  standbys: 1,
  flushed: '0/200',
  copying: true,
};

test.each([
  ['all is as it must be', {}, []],
  ['the slot stays behind', { slot: { failover: false } }, ['the slot was made without `failover`']],
  ['the server is old', { slot: {} }, ['before PostgreSQL 17 a slot does not follow to a standby']],
  ['there is no standby', { standbys: 0, flushed: null, copying: false }, ['no standby is connected']],
  ['the standby lags', { flushed: '0/1FF' }, ['the standby has WAL up to 0/1FF, and 0/200 is published already']],
  ['we may not look', { flushed: null }, ['how far the standby is can not be seen without the role pg_monitor']],
  [
    'nobody waits for the standby',
    { synchronized: '' },
    ['synchronized_standby_slots is empty, so what the standby lacks may be published at any moment'],
  ],
  [
    'nobody copies the slot',
    { copying: false },
    ['no standby copies the slot (there, `sync_replication_slots` must be on)'],
  ],
  [
    'a standby is waited for that is away',
    { missing: ['standby_2'] },
    ['synchronized_standby_slots names standby_2, which no standby streams from: nothing is sent to us until one does'],
  ],
])('a failover is judged right when %s', (_what, changed, because) => {
  expect(readinessOf({ ...ready, ...changed }, 0x200)).toEqual({ safe: because.length === 0, because });
});
