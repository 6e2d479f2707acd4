import { Argument, Command } from 'commander';
import type { Logger } from 'pino';
import { monotonicMs } from '../runtime/clock.ts';
import { watchEventLoop } from '../runtime/event-loop-watch.ts';
import { createLog } from '../runtime/log.ts';
import { settingsOf, withCommonOptions, type CommonOptions } from './options.ts';
import { exit } from './output.ts';
import type { Settings } from './settings.ts';
import { serveHttp } from './sides/http.ts';
import { Liveness } from './sides/liveness.ts';
import { metricsOf } from './sides/metrics.ts';
import { type OpenSide, runSide, type SideName } from './sides/side.ts';

/** `concord run [registration|metering]`: the connectors of one side, or of both in one process. */
export function runCommand(): Command {
  return withCommonOptions(
    new Command('run')
      .description('run the connectors against configured servers, until SIGTERM or Ctrl-C')
      .addArgument(new Argument('[side]', 'one side only').choices(['registration', 'metering'])),
  ).action(async (side: SideName | undefined, options: CommonOptions) => {
    const settings = settingsOf(options);
    const stop = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
    const sides: readonly SideName[] = side === undefined ? ['registration', 'metering'] : [side];
    const runs = sides.map(async (name) => {
      try {
        await run(name, settings, stop);
      } finally {
        // A side that can not run, its port taken for instance, ends the process and not only itself.
        stop.abort();
      }
    });
    for (const result of await Promise.allSettled(runs)) if (result.status === 'rejected') throw result.reason;
    process.exitCode = exit.done;
  });
}

async function run(name: SideName, settings: Settings, stop: AbortController): Promise<void> {
  const log = createLog(name, settings.log.level);
  const { silenceMaxMs, rebuildAfterMs, eventLoopBlockedMaxMs } = settings.limits;
  const opened = await openSide(name, settings, log);
  const liveness = new Liveness(opened.side, silenceMaxMs, monotonicMs);
  const port = name === 'registration' ? settings.http.registrationPort : settings.http.meteringPort;
  const metrics = metricsOf(opened.side, liveness, opened.judgement);
  const http = await serveHttp(opened.side, liveness, metrics, settings.http.host, port);
  log.info({ port: http.port }, `The ${name} side runs; /healthz, /metrics and /status.json are on port ${http.port}.`);
  const stuck = (leg: string): void => {
    log.fatal(
      { code: 'LEG_STUCK', leg },
      `${leg} stands still and can not be torn down. The process ends, for it to be started again.`,
    );
    process.exit(exit.fault);
  };
  const stopWatching = watchEventLoop(name, eventLoopBlockedMaxMs);
  try {
    await runSide(opened.side, { silentMs: (leg) => liveness.silentMs(leg), rebuildAfterMs, stuck }, log, stop.signal);
  } finally {
    stop.abort();
    stopWatching();
    await http.close();
    await opened.close();
    log.info(`The ${name} side has stopped; everything that was confirmed is durable.`);
  }
}

/** Only what the side itself needs is loaded. */
async function openSide(name: SideName, settings: Settings, log: Logger): Promise<OpenSide> {
  if (name === 'registration') return (await import('./sides/registration.ts')).openRegistration(settings, log);
  return (await import('./sides/metering.ts')).openMetering(settings, log);
}
