import { Counter, Gauge, Registry } from 'prom-client';

/** The Prometheus registry of this process. Labels never hold a key. */
export function createMetrics(side: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ side });
  return registry;
}

/** Values with their labels, as they are when Prometheus asks. */
export type Reading = Iterable<readonly [labels: Record<string, string>, value: number]>;

/** A gauge whose values are read when Prometheus asks. */
export function gaugeFrom(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Reading | Promise<Reading>,
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const values = await read();
      this.reset();
      for (const [labels, value] of values) this.set(labels, value);
    },
  });
}

/** A counter whose total is kept elsewhere (in a report or a durable table) and read when Prometheus asks. */
export function counterFrom(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Reading | Promise<Reading>,
): void {
  new Counter({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const values = await read();
      this.reset();
      for (const [labels, value] of values) this.inc(labels, value);
    },
  });
}
