import { expect, test } from 'vitest';
import { parseSnapshot, XidLog } from './xid-log.ts';

test('a transaction that was streamed and that a snapshot does not see is told, and forgotten once every snapshot sees it', () => {
  const log = new XidLog();
  for (const xid of [7, 12, 15]) log.add(xid);
  expect(log.invisibleIn(parseSnapshot('10:20:12,14'))).toBe(12);
  expect(log.invisibleIn(parseSnapshot('13:15:'))).toBe(15);
  expect(log.invisibleIn(parseSnapshot('13:16:'))).toBeNull();
  // Older than what the last snapshot saw to the end: it is not asked for again.
  expect(log.invisibleIn(parseSnapshot('7:16:7,12'))).toBeNull();
});

test.each([100_000, 200_000, 250_000])('the last hundred thousand of %i are remembered', (streamed) => {
  const log = new XidLog();
  for (let xid = 1; xid <= streamed; xid += 1) log.add(xid);
  const oldest = streamed - 100_000 + 1;
  expect(log.invisibleIn(parseSnapshot(`${oldest}:${streamed + 1}:${oldest}`))).toBe(oldest);
});
