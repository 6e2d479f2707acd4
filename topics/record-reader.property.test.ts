import { gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHeaders, recordBatchBytes, writeRecordBatch } from './record-batch.ts';
import { readRecords } from './record-reader.ts';

const bytes = fc.option(fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array)));
const batch = fc.record({
  records: fc.array(fc.tuple(bytes, bytes), { minLength: 1, maxLength: 20 }),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.string({ maxLength: 9 }), {
    maxKeys: 2,
    noNullPrototype: true,
  }),
  /** Offsets that compaction or another batch took before this one. */
  hole: fc.integer({ min: 0, max: 3 }),
  producer: fc.integer({ min: 0, max: 2 }),
});
type BatchModel = typeof batch extends fc.Arbitrary<infer T> ? T : never;

function encode(model: BatchModel, baseOffset: number): Buffer {
  const { records, headers, producer } = model;
  const slice = {
    keys: records.map(([key]) => key),
    values: records.map(([, value]) => value),
    from: 0,
    to: records.length,
    headers: encodeHeaders(headers),
  };
  const target = Buffer.alloc(recordBatchBytes(slice));
  const identity = {
    producerId: BigInt(producer),
    producerEpoch: 0,
    baseSequence: 0,
    transactional: true,
    timestamp: 1,
  };
  writeRecordBatch(target, 0, slice, identity);
  target.writeBigInt64BE(BigInt(baseOffset), 0);
  return target;
}

/** A marker, written as the broker does: a batch with one record whose key says commit (1) or abort (0). */
function marker(producer: number, baseOffset: number, kind: 'commit' | 'abort'): Buffer {
  const key = Buffer.from([0, 0, 0, kind === 'commit' ? 1 : 0]);
  const target = encode({ records: [[key, Buffer.alloc(6)]], headers: {}, hole: 0, producer }, baseOffset);
  return withAttributes(target, 0x30);
}

function withAttributes(target: Buffer, attributes: number): Buffer {
  target.writeInt16BE(attributes, 21);
  target.writeUInt32BE(crc32c(target.subarray(21)), 17);
  return target;
}

test('what the encoder writes is read back, from any offset on, and a batch that is cut off waits', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 5 }), fc.nat(60), fc.nat(200), (models, from, cut) => {
      const encoded: Buffer[] = [];
      const expected: unknown[] = [];
      let offset = 0;
      for (const model of models) {
        offset += model.hole;
        encoded.push(encode(model, offset));
        for (const [key, value] of model.records) {
          const headers = Object.fromEntries(
            Object.entries(model.headers).map(([name, text]) => [name, Buffer.from(text)]),
          );
          if (offset >= from) expected.push({ offset, key, value, headers });
          offset++;
        }
      }
      const tail = encode({ records: [[null, null]], headers: {}, hole: 0, producer: 0 }, offset);
      const all = Buffer.concat([...encoded, tail.subarray(0, cut % tail.length)]);
      const read = readRecords(all, from, []);
      expect(read.records).toEqual(expected);
      expect(read.nextOffset).toBe(Math.max(from, models.length === 0 ? 0 : offset));
    }),
  );
});

test('of interleaved producers only the aborted transactions are left out, whatever their keys are', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.record({ producer: fc.nat(2) }), fc.record({ end: fc.nat(2), commits: fc.boolean() })), {
        maxLength: 30,
      }),
      (steps) => {
        const encoded: Buffer[] = [];
        const open = new Map<number, number[]>();
        const aborted: { producerId: bigint; firstOffset: number }[] = [];
        const visible: number[] = [];
        let offset = 0;
        const end = (producer: number, commits: boolean): void => {
          const offsets = open.get(producer) ?? [];
          if (commits) visible.push(...offsets);
          else if (offsets[0] !== undefined) aborted.push({ producerId: BigInt(producer), firstOffset: offsets[0] });
          open.delete(producer);
          encoded.push(marker(producer, offset++, commits ? 'commit' : 'abort'));
        };
        for (const step of steps) {
          if ('end' in step) end(step.end, step.commits);
          else {
            open.set(step.producer, [...(open.get(step.producer) ?? []), offset]);
            // The key of an abort marker, which is an ordinary key in an ordinary record.
            const records: BatchModel['records'] = [[Buffer.from([0, 0, 0, 0]), null]];
            encoded.push(encode({ records, headers: {}, hole: 0, producer: step.producer }, offset++));
          }
        }
        for (const producer of open.keys()) end(producer, false);
        const read = readRecords(Buffer.concat(encoded), 0, aborted);
        expect(read.records.map((record) => record.offset)).toEqual(visible.toSorted((a, b) => a - b));
        expect(read.nextOffset).toBe(offset);
      },
    ),
  );
});

test('a batch that the broker compressed with gzip is read', () => {
  const plain = encode({ records: [[Buffer.from('k'), Buffer.from('v')]], headers: {}, hole: 0, producer: 0 }, 7);
  const compressed = Buffer.concat([plain.subarray(0, 61), gzipSync(plain.subarray(61))]);
  compressed.writeInt32BE(compressed.length - 12, 8);
  const read = readRecords(withAttributes(compressed, 1), 0, []);
  expect(read.records.map(({ offset, value }) => [offset, value?.toString()])).toEqual([[7, 'v']]);
});

test('a batch with a wrong checksum is refused', () => {
  const damaged = encode({ records: [[Buffer.from('k'), Buffer.from('v')]], headers: {}, hole: 0, producer: 0 }, 0);
  damaged[damaged.length - 2] = 0x7f;
  expect(() => readRecords(damaged, 0, [])).toThrow('its checksum is wrong');
});
