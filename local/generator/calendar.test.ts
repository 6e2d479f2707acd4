import { describe, expect, test } from 'vitest';
import { clockChanges, day, dayText, londonDay } from './calendar.ts';

describe('a day', () => {
  test('is read and written as PostgreSQL does', () => {
    expect(day('1970-01-01')).toBe(0);
    expect(dayText(day('2024-02-29'))).toBe('2024-02-29');
    expect(dayText(day('infinity'))).toBe('infinity');
    expect(day('0044-03-15 BC')).toBeNaN();
  });

  test('in London begins at 23:00 UTC in summer', () => {
    expect(dayText(londonDay(new Date('2026-07-01T22:59:59Z')))).toBe('2026-07-01');
    expect(dayText(londonDay(new Date('2026-07-01T23:00:00Z')))).toBe('2026-07-02');
    expect(dayText(londonDay(new Date('2026-01-01T23:30:00Z')))).toBe('2026-01-01');
  });

  test('on which the clocks change is the last Sunday of March or October', () => {
    expect(clockChanges(2024, 2025).map(dayText)).toEqual(['2024-03-31', '2024-10-27', '2025-03-30', '2025-10-26']);
  });
});
