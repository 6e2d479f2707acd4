/** A signal that aborts at Ctrl-C or SIGTERM, however often: the command then ends what it does in order. */
export function untilInterrupted(): AbortSignal {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
  return interruption.signal;
}

/** Somebody stopped the command before it could say anything. No fault: the message is what the person reads. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

const graceMs = 2_000;

/** After an interruption the process ends within moments, even when a server that was asked something does not answer. */
export function endSoon(
  signal: AbortSignal,
  text = 'Interrupted, without waiting for a server that does not answer.',
  withinMs = graceMs,
): void {
  const end = (): void => {
    setTimeout(() => {
      process.stderr.write(`${text}\n`);
      process.exit(typeof process.exitCode === 'number' ? process.exitCode : 1);
    }, withinMs).unref();
  };
  signal.addEventListener('abort', end, { once: true });
}
