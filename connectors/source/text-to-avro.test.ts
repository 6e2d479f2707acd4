import avro from 'avsc';
import { expect, test } from 'vitest';
import { writeTextArray } from './text-array.ts';
import { type TextCodec, unfit, writeTimestamp } from './text-to-avro.ts';

function through(codec: TextCodec, type: unknown, text: string): unknown {
  const out = Buffer.alloc(1_000);
  const bytes = Buffer.from(text);
  const end = codec(out, 0, bytes, 0, bytes.length);
  return end === unfit ? 'unfit' : avro.Type.forSchema(type as avro.Schema).fromBuffer(out.subarray(0, end));
}

test.each([
  ['2024-03-31 01:30:00+00', Date.UTC(2024, 2, 31, 1, 30) * 1_000],
  ['2024-03-31 01:30:00.000001+00', Date.UTC(2024, 2, 31, 1, 30) * 1_000 + 1],
  ['2024-03-31 01:30:00.5+00', Date.UTC(2024, 2, 31, 1, 30) * 1_000 + 500_000],
  ['1969-12-31 23:59:59.999999', -1],
  ['0044-03-15 12:00:00+00 BC', 'unfit'],
  ['infinity', 'unfit'],
  ['2024-03-31 01:30:00+01', 'unfit'],
])('the timestamp %s is %s in microseconds', (text, micros) => {
  expect(through(writeTimestamp, 'long', text)).toBe(micros);
});

test.each([
  ['{}', []],
  ['{A,"b c","d\\"e",","}', ['A', 'b c', 'd"e', ',']],
  ['{"NULL"}', ['NULL']],
  ['{NULL}', 'unfit'],
  ['{{a},{b}}', 'unfit'],
  ['[0:1]={a,b}', 'unfit'],
])('the array %s is %j', (text, elements) => {
  expect(through(writeTextArray, { type: 'array', items: 'string' }, text)).toEqual(elements);
});
