import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { checkoutDirectory } from '../local/checkout.ts';
import { removeStack, stopStack } from '../local/stack.ts';
import { measureCeilings } from './ceilings.ts';
import { ratioChart } from './chart.ts';
import { ConcordRig } from './concord-rig.ts';
import { progress, untilInterrupted } from './interrupt.ts';
import { currentCommit, describeMachine } from './machine.ts';
import { type Options, readOptions, usage } from './options.ts';
import { fetchPeer } from './peer-artifacts.ts';
import { PeerRig } from './peer-rig.ts';
import { cpuMarkdown, markdown, type Results } from './report.ts';
import type { Rig } from './rig.ts';
import { runRound, type RoundSettings } from './round.ts';
import type { Sample } from './samples.ts';
import { Servers } from './servers.ts';

/** `npm run bench`: Concord and the peer on the same servers, in turns. Everything that it starts it stops. */

const tell = progress();

let interrupted: AbortSignal | null = null;

try {
  const options = readOptions(process.argv.slice(2));
  interrupted = untilInterrupted(options.minutesMax);
  const results = await run(options, interrupted);
  const folder = path.join(checkoutDirectory, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${options.name}.json`), `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(path.join(folder, `${options.name}.svg`), ratioChart(results));
  process.stdout.write(`\n${markdown(results)}\n\n${cpuMarkdown(results)}\n\n`);
  process.stdout.write(
    `bench/results/${options.name}.json and .svg are written; npm run bench:report puts them into docs/performance.md.\n`,
  );
} catch (thrown) {
  // What an abort breaks says little about why.
  const error: unknown = interrupted?.aborted === true ? interrupted.reason : thrown;
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  if (interrupted === null) process.stderr.write(`\n${usage}`);
  process.exitCode = 1;
}
// A client that still waits for something must not keep a finished benchmark alive.
process.exit();

async function run(options: Options, signal: AbortSignal): Promise<Results> {
  const begun = performance.now();
  const before = loadavg();
  const samples: Sample[] = [];
  const cpu: Record<string, Record<string, Record<string, number[]>>> = {};
  // PostgreSQL's user must be able to reach it: not below a private checkout.
  const dataDir = options.dataDir ?? mkdtempSync(path.join(tmpdir(), 'concord-bench-'));
  const closers: (() => Promise<void>)[] = [];
  try {
    const artifacts = options.sides.has('peer') ? await fetchPeer(tell, signal) : null;
    tell(`starting the servers in ${dataDir}`);
    // Half started ones must be stopped, too.
    closers.push(async () => {
      await stopStack(dataDir);
      if (!options.keep) removeStack(dataDir);
    });
    const servers = await Servers.start(dataDir, tell, signal);
    closers.push(() => servers.disconnect());
    const rigs: Rig[] = [];
    if (options.sides.has('concord')) rigs.push(new ConcordRig(servers, signal));
    if (artifacts !== null) {
      tell('starting the peer');
      const peer = await PeerRig.open(servers, artifacts, options.peerHeap, signal);
      closers.push(() => peer.close());
      rigs.push(peer);
      await warm(
        peer,
        servers,
        settingsOf(0, 'peer', () => undefined),
      );
      samples.push({ measure: 'worker-start', who: 'peer', round: 0, value: peer.workerStartSeconds });
    }
    for (let round = 1; round <= options.rounds; round += 1) {
      // Who goes first alternates, too.
      for (const rig of round % 2 === 1 ? rigs : rigs.toReversed()) {
        await runRound(
          rig,
          servers,
          settingsOf(round, rig.name, (sample) => samples.push(sample)),
        );
      }
      if (options.letters.has('ceilings')) {
        await measureCeilings(
          servers,
          settingsOf(round, 'ceiling', (sample) => samples.push(sample)),
        );
      }
    }
  } finally {
    for (const close of closers.toReversed()) {
      await close().catch((error: unknown) => tell(`not stopped cleanly: ${String(error)}`));
    }
    tell('everything is stopped');
  }
  const { rounds, rows, changes, latencySeconds, peerHeap } = options;
  return {
    at: new Date().toISOString(),
    commit: currentCommit(),
    machine: describeMachine(),
    options: { rounds, rows, changes, latencySeconds, peerHeap },
    load: { before, after: loadavg() },
    seconds: Math.round((performance.now() - begun) / 1_000),
    samples,
    cpu,
  };

  function settingsOf(round: number, who: Sample['who'], keep: (sample: Sample) => void): RoundSettings {
    const { rows: all, changes: some, latencySeconds: seconds, letters } = options;
    return {
      number: round,
      rows: all,
      changes: some,
      latencySeconds: seconds,
      letters,
      signal,
      tell: (line) => tell(`round ${round}, ${who}: ${line}`),
      note: (measure, value) => keep({ measure, who, round, value }),
      noteCpu: (phase, byProcess) => {
        if (round === 0) return;
        const byWho = ((cpu[phase] ??= {})[who] ??= {});
        for (const [name, value] of Object.entries(byProcess)) (byWho[name] ??= []).push(value);
      },
    };
  }
}

/** The first load has the converter register its schemas; the second is as long as it takes until the compiler is done. */
async function warm(peer: PeerRig, servers: Servers, settings: RoundSettings): Promise<void> {
  peer.autoRegister = true;
  settings.tell('registering its schemas');
  await runRound(peer, servers, { ...settings, rows: 2_000, letters: new Set(['a']) });
  peer.autoRegister = false;
  settings.tell('warming up');
  const rows = Math.min(settings.rows, 300_000);
  const changes = Math.min(settings.changes, 60_000);
  await runRound(peer, servers, { ...settings, number: 99, rows, changes, letters: new Set(['a', 'c']) });
}
