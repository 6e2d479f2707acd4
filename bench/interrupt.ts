/** A signal that aborts on Ctrl-C, SIGTERM and SIGHUP, and when the time is up. A second Ctrl-C changes nothing: what runs is being stopped. */
export function untilInterrupted(minutesMax: number): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) return;
      process.stderr.write('\nInterrupted: stopping what was started …\n');
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  setTimeout(() => controller.abort(new Error(`not done within ${minutesMax} minutes`)), minutesMax * 60_000).unref();
  return controller.signal;
}

/** Progress, on standard error: how long it runs, and what it does. */
export function progress(): (line: string) => void {
  const begun = performance.now();
  return (line) => {
    const seconds = Math.round((performance.now() - begun) / 1_000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    process.stderr.write(`[${clock}] ${line}\n`);
  };
}
