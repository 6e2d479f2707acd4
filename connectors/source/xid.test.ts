import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSnapshot, XidLog } from './xid-log.ts';
import { XidWidener } from './xid.ts';

test('a xid near the anchor is widened to the nearest 64-bit one, on both sides of a wrap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2 ** 32, max: 2 ** 45 }),
      fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
      (anchor, distance) => {
        expect(new XidWidener(anchor).widen((anchor + distance) % 2 ** 32)).toBe(anchor + distance);
      },
    ),
  );
});

test('a xid above 2^31 stays positive before the first wrap', () => {
  expect(new XidWidener(4_000_000_000).widen(3_999_999_999)).toBe(3_999_999_999);
});

test('a streamed transaction that is in progress or in the future of a snapshot is not visible in it', () => {
  const log = new XidLog();
  log.add(10);
  log.add(14);
  expect(log.invisibleIn(parseSnapshot('12:16:14,15'))).toBe(14);
  expect(log.invisibleIn(parseSnapshot('12:14:'))).toBe(14);
  expect(log.invisibleIn(parseSnapshot('12:16:15'))).toBeNull();
  expect(log.invisibleIn(parseSnapshot('16:16:'))).toBeNull();
});
