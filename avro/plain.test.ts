import { expect, test } from 'vitest';
import { sampleMeteringPoint } from './codec.fixture.ts';
import { dateText, decimalText, plainValue, timestampText } from './plain.ts';
import { loadSchema } from './schemas.ts';

test.each([
  [19_813, '2024-03-31'],
  [0, '1970-01-01'],
  [-719_162, '0001-01-01'],
  [2_932_896, '9999-12-31'],
  [-719_163, 'day -719163'],
  [2_147_483_647, 'day 2147483647'],
])('day %i is %s', (days, text) => {
  expect(dateText(days)).toBe(text);
});

test.each([
  [1_711_843_200_123_456, '2024-03-31T00:00:00.123456Z'],
  [0, '1970-01-01T00:00:00.000000Z'],
  [-1, '1969-12-31T23:59:59.999999Z'],
])('microsecond %i is %s', (micros, text) => {
  expect(timestampText(micros)).toBe(text);
});

test.each([
  [1_045_000, 6, '1.045000'],
  [-45, 6, '-0.000045'],
  [0, 6, '0.000000'],
  [999_999_999_999, 6, '999999.999999'],
  [12, 0, '12'],
])('%i units of scale %i are %s', (units, scale, text) => {
  expect(decimalText(units, scale)).toBe(text);
});

test('an event is told with dates, times and decimals as people write them, in the order of its schema', () => {
  const plain = plainValue(loadSchema('metering-point'), sampleMeteringPoint({ domestic: null }));
  expect(plain).toMatchObject({
    createdAt: '2024-03-31T00:00:00.123456Z',
    source: { name: 'registration', lsn: 0x16_b374_d848, committedAt: '2024-03-31T00:00:00.000001Z' },
    supplier_efd: '2024-03-31',
    domestic: null,
    line_loss_factor: '1.045000',
  });
  expect(Object.keys(plain)).toEqual(loadSchema('metering-point').fields.map((field) => field.name));
});
