import { parseArgs } from 'node:util';
import { letters } from './samples.ts';

export interface Options {
  readonly rounds: number;
  readonly rows: number;
  readonly changes: number;
  readonly latencySeconds: number;
  readonly letters: ReadonlySet<string>;
  readonly sides: ReadonlySet<'concord' | 'peer'>;
  readonly peerHeap: string;
  /** Null for one that is made, and removed afterwards. */
  readonly dataDir: string | null;
  readonly keep: boolean;
  readonly name: string;
  readonly minutesMax: number;
}

export const usage = `npm run bench -- [options]

  --rounds N        rounds of each side, alternating (3)
  --only a,b,…      a snapshot → topic (and topic → store) · b table → store · c backlog in transactions of 100 ·
                    d in transactions of 1 · e latency · f CPU · g memory · h start · i reconcile · ceilings
  --side S          concord, peer, or both (both)
  --rows N          metering points (1,000,000); backlogs are 30 % of them
  --peer-heap H     the peer's heap, as -Xmx has it (1g)
  --data-dir D      where the servers keep their data (a temporary directory)
  --keep            keep that directory, with the logs
  --name N          of the files in bench/results (latest)
  --minutes N       give up after so long (150)
  --short           a smoke run of our side: 20,000 rows, one round, no ceilings
`;

/** Throws an Error with what is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      side: { type: 'string' },
      rows: { type: 'string' },
      'peer-heap': { type: 'string', default: '1g' },
      'data-dir': { type: 'string' },
      keep: { type: 'boolean', default: false },
      name: { type: 'string' },
      minutes: { type: 'string', default: '150' },
      short: { type: 'boolean', default: false },
    },
  });
  const { short } = values;
  const rows = whole('rows', values.rows ?? (short ? '20000' : '1000000'), 1_000);
  if (rows % 7919 === 0) throw new Error('--rows must not be a multiple of 7919, the step between changed rows');
  const side = values.side ?? (short ? 'concord' : 'both');
  if (!['concord', 'peer', 'both'].includes(side)) throw new Error('--side is concord, peer or both');
  const all = short ? letters.filter((letter) => letter !== 'ceilings') : letters;
  const chosen = values.only === undefined ? all : values.only.split(',');
  const unknown = chosen.filter((letter) => !letters.includes(letter));
  if (unknown.length > 0) throw new Error(`--only knows ${letters.join(', ')}, not ${unknown.join(', ')}`);
  return {
    rounds: whole('rounds', values.rounds ?? (short ? '1' : '3'), 1),
    rows,
    changes: Math.min(300_000, Math.floor((rows * 0.3) / 100) * 100),
    latencySeconds: short ? 5 : 30,
    letters: new Set(chosen),
    sides: new Set(side === 'both' ? ['concord', 'peer'] : [side === 'peer' ? 'peer' : 'concord']),
    peerHeap: values['peer-heap'],
    dataDir: values['data-dir'] ?? null,
    keep: values.keep,
    name: values.name ?? (short ? 'short' : 'latest'),
    minutesMax: whole('minutes', values.minutes, 1),
  };
}

function whole(name: string, text: string, min: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < min) throw new Error(`--${name} is a whole number, at least ${min}`);
  return number;
}
