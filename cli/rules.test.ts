import { afterEach, describe, expect, it, vi } from 'vitest';
import { UsageError } from './output.ts';
import { rulesCommand } from './rules.ts';

function run(...words: readonly string[]): string {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  rulesCommand().parse(words, { from: 'user' });
  return written.join('');
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('concord rules', () => {
  it('lists every rule as one JSON document', () => {
    const rules: unknown = JSON.parse(run('list', '--json'));
    expect(rules).toHaveLength(48);
    expect(rules).toContainEqual(
      expect.objectContaining({ code: 'MPAN_FORMAT', flows: ['1', '2', 'asset'], disposition: 'error', stage: 'form' }),
    );
  });

  it('lists every rule as a table', () => {
    expect(run('list')).toMatch(/APPOINTMENT_OVERLAP +2 +error +store/);
  });

  it('shows a rule with its examples and their texts, whatever the case of the code', () => {
    const page = run('show', 'mpan_check_digit');
    expect(page).toContain('MPAN_CHECK_DIGIT: The last digit');
    expect(page).toContain('mpan_core 13*********23 ends in 3, but its other digits ask for');
  });

  it('shows a rule as one JSON document', () => {
    const rule: unknown = JSON.parse(run('show', 'EFD_TOO_FAR', '--json'));
    expect(rule).toMatchObject({ code: 'EFD_TOO_FAR', aboutToday: true, examples: [{ passes: true }, {}, {}] });
  });

  it('suggests a rule for an unknown code, as bad usage', () => {
    expect(() => run('show', 'MPAN_CHEK')).toThrow(UsageError);
    expect(() => run('show', 'MPAN_CHECKDIGIT')).toThrow(/Did you mean MPAN_CHECK_DIGIT\?/);
  });
});
