import { readFileSync } from 'node:fs';

/** Process name → pid. A PostgreSQL server stands for itself and all its children. */
export type Watched = Readonly<Record<string, number>>;

const ticksPerSecond = 100;

/** Seconds of CPU so far by process, in user and kernel mode, children included. Needs Linux. */
export function cpuSeconds(watched: Watched): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(watched).map(([name, pid]) => [name, ticksOf(pid) / ticksPerSecond]));
}

/** Seconds between two readings; a process that was not there before counts from its start. */
export function cpuBetween(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(after).map(([name, seconds]) => [name, seconds - (before[name] ?? 0)]));
}

/** Of the process, of its live children, and of those that have ended and were waited for. */
function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const own = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return children.reduce((sum, child) => sum + ticksOf(Number(child)), own);
  } catch {
    return 0;
  }
}

export function residentMegabytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Samples resident memory until it is stopped; then tells the highest sum, and what each process had then. */
export class MemorySampler {
  readonly #watched: () => Watched;
  readonly #timer: NodeJS.Timeout;
  #peak: Readonly<Record<string, number>> = {};

  constructor(watched: () => Watched, everyMs = 500) {
    this.#watched = watched;
    this.#timer = setInterval(() => this.#sample(), everyMs);
    this.#sample();
  }

  stop(): Readonly<Record<string, number>> {
    clearInterval(this.#timer);
    this.#sample();
    return this.#peak;
  }

  #sample(): void {
    const now = Object.fromEntries(
      Object.entries(this.#watched()).map(([name, pid]) => [name, residentMegabytes(pid)]),
    );
    if (total(now) > total(this.#peak)) this.#peak = now;
  }
}

export function total(figures: Readonly<Record<string, number>>): number {
  return Object.values(figures).reduce((sum, one) => sum + one, 0);
}
