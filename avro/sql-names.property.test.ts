import fc from 'fast-check';
import { expect, test } from 'vitest';
import { avroName, topicPart } from './sql-names.ts';

const names = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1 }),
  fc.stringMatching(/^[a-z_x0-9]{1,8}$/),
  fc.constantFrom('_x0020_', '_x005F_x0020_', ' ', '9', '_'),
);

test('a name is escaped so that Avro and Kafka take it, and no two names become one', () => {
  fc.assert(
    fc.property(names, names, (a, b) => {
      expect(avroName(a)).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
      expect(topicPart(a)).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(avroName(a) === avroName(b)).toBe(a === b);
      expect(topicPart(a) === topicPart(b)).toBe(a === b);
    }),
  );
});

test('a plain name stays as it is', () => {
  expect(['orders', 'Order_2', '_x'].map(avroName)).toEqual(['orders', 'Order_2', '_x']);
  expect(avroName('a "b"')).toBe('a_x0020__x0022_b_x0022_');
});
