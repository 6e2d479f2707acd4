import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import type { EventLoopWatch } from './event-loop-watch.ts';

/** The thread that watches the event loop of the main one. It counts looks, so that suspended time does not count. */
const { name, beats, lookEveryMs, limitMs } = workerData as EventLoopWatch;
const count = new Int32Array(beats);
let seen = Atomics.load(count, 0);
let looks = 0;
setInterval(() => {
  const now = Atomics.load(count, 0);
  looks = now === seen ? looks + 1 : 0;
  seen = now;
  if (looks * lookEveryMs < limitMs) return;
  const msg = `The event loop of ${name} has been blocked for ${limitMs / 1_000} s. The process is killed, for it to be started again; nothing that was confirmed is lost.`;
  // The main thread's log can not be used: it waits for the main thread.
  writeSync(2, `${JSON.stringify({ level: 'fatal', name, pid: process.pid, code: 'EVENT_LOOP_BLOCKED', msg })}\n`);
  process.kill(process.pid, 'SIGKILL');
}, lookEveryMs);
