import { expect, test } from 'vitest';
import { murmur2, partitionOf } from './partitioner.ts';

// Vectors of Kafka's own UtilsTest.testMurmur2.
test.each([
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('murmur2 of %s is what the Java client computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('the empty key has a partition', () => {
  expect(partitionOf(Buffer.alloc(0), 4)).toBe((275_646_681 & 0x7fff_ffff) % 4);
});
