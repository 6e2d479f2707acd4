import { describe, expect, test } from 'vitest';
import { demandWhole, endOf, type WholeOptions } from './whole.ts';

describe('a second store is built of everything', () => {
  test.each<[string, WholeOptions]>([
    ['--topic', { topic: ['registration.metering-point'] }],
    ['--partition', { partition: '1' }],
    ['--offsets', { offsets: '1..2' }],
    ['--from', { from: '30d' }],
    ['--lsn with a begin', { lsn: '0/1..0/2' }],
    ['--lsn with a begin', { lsn: '0/1' }],
    ['--mpan', { mpan: '1012345678903' }],
    ['--limit', { limit: '5' }],
    ['--dry-run', { dryRun: true }],
  ])('so that %s is refused, with the reason and the way that there is', (option, options) => {
    expect(() => demandWhole({ into: 'x', ...options })).toThrow(
      new RegExp(`^${option} does not go with --into: .*→ `),
    );
  });

  test('so that everything that is refused is told at once', () => {
    expect(() => demandWhole({ mpan: '1', from: '1d', limit: '3' })).toThrow(/--mpan.*\n--limit.*\n--from/);
  });

  test('and an end may be said in each way, but in one of them', () => {
    for (const options of [{ until: '0/5' }, { to: '0/5' }, { lsn: '..0/5' }]) {
      demandWhole(options);
      expect(endOf(options)).toBe('0/5');
    }
    expect(endOf({ into: 'x' })).toBeNull();
    expect(() => demandWhole({ until: '0/5', to: '2h' })).toThrow(/give one of them/);
  });
});
