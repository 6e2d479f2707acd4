import { expect, test } from 'vitest';
import { isWidened } from './widening.ts';

test.each([
  ['smallint', 'integer'],
  ['integer', 'bigint'],
  ['numeric(6,2)', 'numeric(8,2)'],
  ['numeric(6,2)', 'numeric(8,4)'],
  ['numeric(6,2)', 'numeric'],
  ['character varying(5)', 'character varying(6)'],
  ['character varying(5)', 'character varying'],
  ['character varying(5)', 'text'],
  ['character varying', 'text'],
])('%s became wider as %s', (from, to) => {
  expect(isWidened(from, to)).toBe(true);
  expect(isWidened(to, from)).toBe(false);
});

test.each([
  ['integer', 'numeric'],
  ['real', 'double precision'],
  ['numeric(6,2)', 'numeric(8,5)'],
  ['numeric(6,2)', 'numeric(6,4)'],
  ['character(5)', 'text'],
  ['character(5)', 'character(6)'],
  ['text', 'text'],
  ['timestamp without time zone', 'timestamp with time zone'],
  ['integer[]', 'bigint[]'],
])('%s is no wider as %s: a value could have another text', (from, to) => {
  expect(isWidened(from, to)).toBe(false);
});
