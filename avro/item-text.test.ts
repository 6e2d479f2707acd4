import { expect, test } from 'vitest';
import { dayText, doubleText, itemText } from './item-text.ts';

test.each([
  [0, '1970-01-01'],
  [-735_160, '0044-03-15 BC'],
  [-719_162, '0001-01-01'],
  [-719_163, '0001-12-31 BC'],
  [2_932_897, '10000-01-01'],
  [2145042905, '5874897-12-31'],
])('the date of day %i is %s', (days, text) => {
  expect(dayText(days)).toBe(text);
});

test('a timestamp keeps its microseconds and no more digits than it needs', () => {
  const type = { type: 'long', logicalType: 'timestamp-micros' } as const;
  expect(itemText(type, 0)).toBe('1970-01-01 00:00:00+00');
  expect(itemText(type, -1)).toBe('1969-12-31 23:59:59.999999+00');
  expect(itemText(type, 1_700_000_000_100_000)).toBe('2023-11-14 22:13:20.1+00');
  expect(itemText({ ...type, logicalType: 'local-timestamp-micros' }, 500)).toBe('1970-01-01 00:00:00.0005');
});

test('numbers and bytes are as PostgreSQL reads them', () => {
  expect([-0, Number.NaN, Number.NEGATIVE_INFINITY, 5e-324].map(doubleText)).toEqual([
    '-0',
    'NaN',
    '-Infinity',
    '5e-324',
  ]);
  expect(itemText('bytes', Buffer.from([0, 255]))).toBe('\\x00ff');
  expect(itemText('long', 2n ** 63n - 1n)).toBe('9223372036854775807');
  expect(itemText({ type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 }, -5)).toBe('-0.05');
  expect(itemText('boolean', false)).toBe('f');
});
