import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchMessage, encodeProduceRequest } from './produce-request.ts';
import { encodeHeaders } from './record-batch.ts';

/** kafkajs' own request, from which ours must not differ by a byte. */
const original = createRequire(import.meta.url)('kafkajs/src/protocol/requests/produce/v7/request') as (
  options: unknown,
) => { encode(): Promise<{ buffer: Buffer }> };

const bytes = fc.option(fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)));
const partition = fc.record({
  records: fc.array(fc.tuple(bytes, bytes), { minLength: 1, maxLength: 70 }),
  headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 10 }), fc.string({ maxLength: 80 }), {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  firstSequence: fc.integer({ min: 0, max: 0x7fff_ffff }),
});
const topicData = fc.uniqueArray(
  fc.record({
    topic: fc.string({ minLength: 1, maxLength: 30 }),
    partitions: fc.array(partition, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 3, selector: ({ topic }) => topic },
);

test('a produce request is byte for byte what kafkajs encodes', async () => {
  await fc.assert(
    fc.asyncProperty(
      topicData,
      fc.option(fc.string({ minLength: 1 })),
      fc.bigInt({ min: 0n, max: 2n ** 62n }),
      fc.integer({ min: 0, max: 0x7fff }),
      async (topics, transactionalId, producerId, producerEpoch) => {
        const timestamp = 1_790_000_000_000;
        const common = { acks: -1, timeout: 30_000, transactionalId, producerId: String(producerId), producerEpoch };
        const theirs = await original({
          ...common,
          topicData: topics.map(({ topic, partitions }) => ({
            topic,
            partitions: partitions.map(({ records, headers, firstSequence }, index) => ({
              partition: index,
              firstSequence,
              messages: records.map(([key, value]) => ({ key, value, headers, timestamp })),
            })),
          })),
        }).encode();
        const ours = encodeProduceRequest(
          {
            ...common,
            topicData: topics.map(({ topic, partitions }) => ({
              topic,
              partitions: partitions.map(({ records, headers, firstSequence }, index) => ({
                partition: index,
                firstSequence: 0,
                messages: [
                  new BatchMessage(
                    index,
                    {
                      keys: records.map(([key]) => key),
                      values: records.map(([, value]) => value),
                      from: 0,
                      to: records.length,
                      headers: encodeHeaders(headers),
                    },
                    firstSequence,
                  ),
                ],
              })),
            })),
          },
          timestamp,
        );
        expect(ours.equals(theirs.buffer)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});
