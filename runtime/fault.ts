/**
 * What went wrong, as far as the program must act on it.
 *
 * A fault is thrown; what the rule book refuses is a value and never a fault; a bug is an assertion.
 */
export type FaultKind =
  /** The other side is away or overloaded: it is waited for, with back-off, for ever. */
  | 'unavailable'
  /** Somebody else took our place (fenced producer, zombie position): this instance must start over. */
  | 'fenced'
  /** The server refuses us: privilege, password, certificate. An operator must act. */
  | 'refused'
  /** The configuration or the set-up of a server is wrong. An operator must act. */
  | 'misconfigured'
  /** The source's history is broken: going on would lose changes silently. An operator must act. */
  | 'gap'
  /** Data that can not be read. */
  | 'corrupt';

export interface FaultContext {
  readonly [name: string]: string | number | boolean | null | undefined;
}

/** A fault with its code (see `runtime/codes.ts`), its context for the log, and its cause. Holds no unmasked MPAN. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly code: string;
  readonly context: FaultContext;

  constructor(kind: FaultKind, code: string, message: string, context: FaultContext = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.kind = kind;
    this.code = code;
    this.context = context;
  }
}
