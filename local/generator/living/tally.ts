import { monotonicMs } from '../../../runtime/clock.ts';
import type { TableName } from '../rows.ts';
import type { Kind } from './kinds.ts';
import type { Written } from './writer.ts';

/** What a run did. */
export interface ChangeSummary {
  readonly transactions: number;
  /** Rows that were really inserted, updated or deleted: each is one event of the source. */
  readonly changes: number;
  readonly seconds: number;
  readonly byTable: Readonly<Record<TableName, number>>;
  /** Business events by kind. */
  readonly byKind: Readonly<Partial<Record<Kind, number>>>;
  /** Rules broken on purpose, by code. */
  readonly dirty: Readonly<Record<string, number>>;
}

/** Counts what was committed. */
export class Tally {
  readonly #begun = monotonicMs();
  readonly #byTable = { metering_point: 0, appointment: 0, participant: 0, distributor_gsp_group: 0, meter_asset: 0 };
  readonly #byKind = new Map<Kind, number>();
  readonly #dirty = new Map<string, number>();
  #transactions = 0;
  #changes = 0;

  add(written: Written, plans: readonly { readonly kind: Kind; readonly code?: string }[]): void {
    this.#transactions += 1;
    this.#byTable.metering_point += written.metering_point;
    this.#byTable.appointment += written.appointment;
    this.#byTable.participant += written.participant;
    this.#byTable.distributor_gsp_group += written.distributor_gsp_group;
    this.#byTable.meter_asset += written.meter_asset;
    this.#changes += Object.values(written).reduce((sum, rows) => sum + rows, 0);
    for (const { kind, code } of plans) {
      this.#byKind.set(kind, (this.#byKind.get(kind) ?? 0) + 1);
      if (code !== undefined) this.#dirty.set(code, (this.#dirty.get(code) ?? 0) + 1);
    }
  }

  summary(): ChangeSummary {
    return {
      transactions: this.#transactions,
      changes: this.#changes,
      seconds: (monotonicMs() - this.#begun) / 1000,
      byTable: { ...this.#byTable },
      byKind: Object.fromEntries(this.#byKind),
      dirty: Object.fromEntries(this.#dirty),
    };
  }
}
