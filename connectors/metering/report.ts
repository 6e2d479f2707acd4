/** Figures of the metering side for `status` and metrics; plain and mutable, one object for all lanes. */
export interface MeteringReport {
  /** Warnings of the rule book since the start, by code. They make no row. */
  readonly warnings: Record<string, number>;
}

export function newMeteringReport(): MeteringReport {
  return { warnings: {} };
}
