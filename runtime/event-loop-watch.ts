import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';

/** What the watching thread is given. `beats` is counted up by the watched thread. */
export interface EventLoopWatch {
  readonly name: string;
  readonly beats: SharedArrayBuffer;
  readonly lookEveryMs: number;
  readonly limitMs: number;
}

const lookEveryMs = 500;

/**
 * Has another thread watch this one's event loop: blocked for `limitMs`, it can neither send a heartbeat nor answer
 * `/healthz` nor end by itself, so the process is killed and whoever supervises it starts it again. Nothing that was
 * confirmed is lost by that. Returns what ends the watch.
 */
export function watchEventLoop(name: string, limitMs: number): () => void {
  const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const count = new Int32Array(beats);
  const beating = setInterval(() => Atomics.add(count, 0, 1), lookEveryMs / 2);
  beating.unref();
  const workerData: EventLoopWatch = { name, beats, lookEveryMs, limitMs };
  const watcher = new Worker(new URL(`./event-loop-watcher${extname(import.meta.url)}`, import.meta.url), {
    workerData,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  });
  watcher.unref();
  return () => {
    clearInterval(beating);
    void watcher.terminate();
  };
}
