import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import { createLog } from './log.ts';

const mpan = '1312345678907';
const masked = '13*********07';

function capture(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLog('test', 'trace', { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

const nested = new Fault(
  'corrupt',
  'DATABASE_ERROR',
  `Bad ${mpan}`,
  { key: mpan, lsn: 1234567890123 },
  new Error(`outer ${mpan}`, { cause: new Error(`inner ${mpan}`) }),
);

describe('an MPAN core never comes out of the log', () => {
  it.each<readonly [where: string, write: (log: ReturnType<typeof createLog>) => void]>([
    ['in a message', (log) => log.info(`row ${mpan}`)],
    ['in a value of a message', (log) => log.info('row %s', mpan)],
    ['in an object of a message', (log) => log.info('row %o', { mpan })],
    ['in a field', (log) => log.info({ key: mpan }, 'row')],
    ['in a field of a field', (log) => log.info({ event: { keys: [mpan] } }, 'row')],
    ['in the name of a field', (log) => log.info({ counts: { [mpan]: 2 } }, 'row')],
    ['after a control character', (log) => log.info(`row \u0000${mpan}`)],
    ['in the bindings of a child', (log) => log.child({ key: mpan }).info('row')],
    ['in a fault with context and causes', (log) => log.error({ err: nested }, 'failed')],
    ['in an error that is logged alone', (log) => log.error(nested)],
    ['in an error without a message of its own', (log) => log.error({ err: nested })],
    ['in one of several errors', (log) => log.error({ err: new AggregateError([new Error(mpan)], 'all failed') })],
    ['in something thrown that is no error', (log) => log.error({ err: `odd ${mpan}` })],
  ])('%s', (_, write) => {
    const [line, ...others] = capture(write);
    expect(others).toEqual([]);
    expect(JSON.stringify(line)).not.toContain(mpan);
    expect(JSON.stringify(line)).toContain(masked);
  });
});

it('numbers stay as they are, because LSNs are as long', () => {
  const [line] = capture((log) => log.error({ err: nested, lsn: 1234567890123 }));
  expect(line).toMatchObject({ lsn: 1234567890123, err: { context: { key: masked, lsn: 1234567890123 } } });
});

it('an error is told with its code, its kind and all its causes', () => {
  const [line] = capture((log) => log.error({ err: nested }, 'failed'));
  expect(line).toMatchObject({
    level: 'error',
    name: 'test',
    msg: 'failed',
    err: {
      type: 'Fault',
      code: 'DATABASE_ERROR',
      kind: 'corrupt',
      cause: { message: `outer ${masked}`, cause: { message: `inner ${masked}`, stack: expect.any(String) as string } },
    },
  });
});
