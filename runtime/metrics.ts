import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The Prometheus registry of this process. Labels never hold a key. */
export function createMetrics(side: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ side });
  return registry;
}

/** A gauge whose values are read when Prometheus asks. */
export function gaugeFrom(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Iterable<readonly [labels: Record<string, string>, value: number]>,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.set(labels, value);
    },
  });
}

/** A counter whose total is kept elsewhere (in a report or a durable table) and read when Prometheus asks. */
export function counterFrom(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Iterable<readonly [labels: Record<string, string>, value: number]>,
): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.inc(labels, value);
    },
  });
}

export function histogram(registry: Registry, name: string, help: string, buckets: readonly number[]): Histogram {
  return new Histogram({ name, help, buckets: [...buckets], registers: [registry] });
}
