import { Fault } from '../runtime/fault.ts';
import { ConfigurationError } from '../runtime/configuration.ts';
import { maskDigits } from '../runtime/mask.ts';
import { explanationOf } from '../runtime/codes.ts';
import { Interrupted } from './interruption.ts';

/** Exit codes of every command (contract). */
export const exit = { done: 0, fault: 1, usage: 2, found: 3 } as const;

/** Bad usage: the message is what the person reads. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Rows as aligned columns; numbers to the right. An empty list prints the sentence instead. */
export function printTable(
  columns: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
  whenEmpty: string,
): void {
  if (rows.length === 0) {
    print(whenEmpty);
    return;
  }
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en-GB') : (cell ?? ''))),
  );
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (values: readonly string[], numbers: readonly boolean[]): string =>
    values
      .map((value, index) =>
        numbers[index] === true ? value.padStart(widths[index] ?? 0) : value.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const right = columns.map((_, index) => rows.every((row) => typeof row[index] === 'number'));
  print(line(columns, right));
  print(widths.map((width) => '─'.repeat(width)).join('  '));
  for (const row of cells) print(line(row, right));
}

/** Says on standard error what happened, what it means and what to do; returns the exit code. */
export function explainFailure(error: unknown): number {
  const say = (text: string): void => {
    process.stderr.write(`${maskDigits(text)}\n`);
  };
  if (error instanceof ConfigurationError || error instanceof UsageError) {
    say(error.message);
    return exit.usage;
  }
  if (error instanceof Interrupted) {
    say(error.message);
    return exit.fault;
  }
  if (error instanceof Fault) {
    say(`${error.code}: ${error.message}`);
    const explanation = explanationOf(error.code);
    if (explanation !== null) say(`  What to do: ${explanation.remedy}`);
    return exit.fault;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  say('This is a bug in Concord: please report it with the lines above.');
  return exit.fault;
}
