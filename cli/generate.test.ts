import { describe, expect, test } from 'vitest';
import { changeOptionsOf } from './generate.ts';

describe('generate', () => {
  test('is gentle unless it is asked for a count or a bulk', () => {
    expect(changeOptionsOf({ seed: '1' })).toEqual({ seed: 1, rate: 20 });
    expect(changeOptionsOf({ seed: '1', count: '2000' })).toEqual({ seed: 1, count: 2000 });
    expect(changeOptionsOf({ seed: '1', bulk: '1_000_000' })).toEqual({ seed: 1, bulkRows: 1_000_000 });
    expect(changeOptionsOf({ seed: '1', count: '10', rate: '5' })).toEqual({ seed: 1, count: 10, rate: 5 });
  });

  test('understands seconds, minutes and hours', () => {
    expect(changeOptionsOf({ seed: '0', for: '30s', rate: 'max' })).toEqual({ seed: 0, seconds: 30 });
    expect(changeOptionsOf({ for: '1.5m' }).seconds).toBe(90);
    expect(changeOptionsOf({ for: '1h' }).seconds).toBe(3600);
  });

  test.each([
    { rate: 'fast' },
    { rate: '0' },
    { for: 'ever' },
    { for: '0s' },
    { count: '1.5' },
    { seed: 'x' },
    { bulk: '-1' },
  ])('refuses %o with a sentence that names the option', (options) => {
    const [name] = Object.keys(options);
    expect(() => changeOptionsOf(options)).toThrow(`--${name}`);
  });
});
