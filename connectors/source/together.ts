/**
 * Runs tasks that need one another: when one fails or ends, or the signal aborts, all are stopped, and the result is
 * known when all have ended. Rejects with the first failure.
 */
export async function runTogether(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const stopping = new AbortController();
  const both = AbortSignal.any([signal, stopping.signal]);
  const failures: unknown[] = [];
  await Promise.all(
    tasks.map((task) =>
      task(both).catch((error: unknown) => {
        failures.push(error);
        stopping.abort();
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}
