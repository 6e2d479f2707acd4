import type { FaultKind } from './fault.ts';

/** What is done about a kind of fault, and the sentence the operator reads. */
export interface Reaction {
  readonly action: 'back-off' | 'start-over' | 'operator';
  readonly firstDelayMs: number;
  readonly delayMaxMs: number;
  readonly sentence: string;
}

/** Exhaustive on purpose: a new kind of fault does not compile until somebody has decided what to do about it. */
export function reactionTo(kind: FaultKind): Reaction {
  switch (kind) {
    case 'unavailable':
      return {
        action: 'back-off',
        firstDelayMs: 100,
        delayMaxMs: 5_000,
        sentence: 'The other side is away. It is tried again, with growing pauses, until it is back; nothing is lost.',
      };
    case 'fenced':
      return {
        action: 'start-over',
        firstDelayMs: 200,
        delayMaxMs: 5_000,
        sentence:
          'Another instance took over, or an outcome was unknown. This one starts over from the last durable position.',
      };
    case 'refused':
      return {
        action: 'operator',
        firstDelayMs: 5_000,
        delayMaxMs: 60_000,
        sentence: 'The server refuses us. Correct the credentials or privileges; it is tried again every minute.',
      };
    case 'misconfigured':
      return {
        action: 'operator',
        firstDelayMs: 5_000,
        delayMaxMs: 60_000,
        sentence: 'The set-up is wrong. Run `concord check` for the remedy; it is tried again every minute.',
      };
    case 'gap':
      return {
        action: 'operator',
        firstDelayMs: 60_000,
        delayMaxMs: 60_000,
        sentence:
          'Changes may be missing, so nothing is taken over until somebody has decided. See `concord explain` for the code.',
      };
    case 'corrupt':
      return {
        action: 'operator',
        firstDelayMs: 5_000,
        delayMaxMs: 60_000,
        sentence: 'Data that must be readable is not. See the log for where; it is tried again every minute.',
      };
  }
}
