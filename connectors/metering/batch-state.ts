import { type EntityTable, appointmentTable, meterAssetTable, meteringPointTable } from './entities.ts';
import { KeyState, type Trouble } from './key-state.ts';
import type { AcceptedAppointment, AppointmentItems, MeteringPointItems, StoreView } from './rules/contract.ts';
import type { RowPlace } from './row-place.ts';
import { pointOn } from './timeline.ts';
import type { StoredVersion } from './versions.ts';

const noAppointments: ReadonlyMap<string, KeyState> = new Map();
const none: readonly AcceptedAppointment[] = [];

/** One MPAN while a batch is judged; rules look at it as the store (P14: what is accepted so far). */
export class MpanState implements StoreView {
  readonly mpan: string;
  readonly meteringPoint: KeyState;
  private ids: Map<string, KeyState> | null = null;
  lastEventOpen = false;

  constructor(mpan: string, meteringPoint: KeyState) {
    this.mpan = mpan;
    this.meteringPoint = meteringPoint;
  }

  /** By appointment id, in text. */
  get byId(): ReadonlyMap<string, KeyState> {
    return this.ids ?? noAppointments;
  }

  appointment(id: string): KeyState {
    const known = this.byId.get(id);
    if (known !== undefined) return known;
    const state = new KeyState(appointmentTable, this.mpan, id, null, null, null);
    this.place(state);
    return state;
  }

  /** Most metering points of a load have no appointment yet: the map is made for the first. */
  place(state: KeyState): void {
    this.ids ??= new Map();
    this.ids.set(state.key, state);
  }

  get appointments(): readonly AcceptedAppointment[] {
    if (this.ids === null) return none;
    const accepted: AcceptedAppointment[] = [];
    for (const { accepted: version } of this.byId.values()) {
      if (version === null) continue;
      const items = version.items as unknown as AppointmentItems;
      accepted.push({ appointmentId: items.appointment_id, items });
    }
    return accepted;
  }

  get point(): MeteringPointItems | null {
    return (this.meteringPoint.accepted?.items ?? null) as unknown as MeteringPointItems | null;
  }

  pointOn(day: number): ReturnType<StoreView['pointOn']> {
    const accepted = this.meteringPoint.accepted;
    return accepted === null ? null : pointOn(accepted.items, this.meteringPoint.timeline, day);
  }
}

/** What a row of the store brings into a batch. */
export interface StoredRow {
  readonly laneKey: string;
  readonly key: string;
  readonly version: StoredVersion;
  readonly timeline: string | null;
  /** Null where it is not asked for. */
  readonly place: RowPlace | null;
}

/** The keys of one lane that a batch touches. Keys that the store does not have are made when they are asked for. */
export class BatchState {
  private readonly mpans = new Map<string, MpanState>();
  private readonly assets = new Map<string, KeyState>();
  private readonly troubles: ReadonlyMap<string, Trouble>;

  constructor(rows: ReadonlyMap<EntityTable, readonly StoredRow[]>, troubles: ReadonlyMap<string, Trouble>) {
    this.troubles = troubles;
    for (const row of rows.get(meteringPointTable) ?? []) {
      this.mpans.set(row.laneKey, new MpanState(row.laneKey, this.keyState(meteringPointTable, row)));
    }
    for (const row of rows.get(appointmentTable) ?? []) {
      this.mpan(row.laneKey).place(this.keyState(appointmentTable, row));
    }
    for (const row of rows.get(meterAssetTable) ?? []) this.assets.set(row.key, this.keyState(meterAssetTable, row));
    for (const trouble of troubles.values()) this.placeTrouble(trouble);
  }

  mpan(mpan: string): MpanState {
    let state = this.mpans.get(mpan);
    if (state === undefined) {
      state = new MpanState(mpan, this.emptyState(meteringPointTable, mpan, mpan));
      this.mpans.set(mpan, state);
    }
    return state;
  }

  asset(deviceId: string): KeyState {
    let state = this.assets.get(deviceId);
    if (state === undefined) {
      state = this.emptyState(meterAssetTable, deviceId, deviceId);
      this.assets.set(deviceId, state);
    }
    return state;
  }

  /** Every key that was changed. */
  *touched(): Generator<KeyState> {
    for (const mpan of this.mpans.values()) {
      if (mpan.meteringPoint.touched || mpan.meteringPoint.troubleTouched) yield mpan.meteringPoint;
      for (const appointment of mpan.byId.values()) {
        if (appointment.touched || appointment.troubleTouched) yield appointment;
      }
    }
    for (const asset of this.assets.values()) if (asset.touched || asset.troubleTouched) yield asset;
  }

  /** Keys with an event that waits or an open rejection. */
  *troubled(): Generator<KeyState> {
    for (const mpan of this.mpans.values()) {
      if (mpan.meteringPoint.last !== null) yield mpan.meteringPoint;
      for (const key of mpan.byId.values()) if (key.last !== null) yield key;
    }
    for (const key of this.assets.values()) if (key.last !== null) yield key;
  }

  private keyState(table: EntityTable, row: StoredRow): KeyState {
    const trouble = this.troubles.get(troubleName(row.laneKey, table.entity, row.key)) ?? null;
    return new KeyState(table, row.laneKey, row.key, row.version, trouble, row.timeline, row.place);
  }

  private emptyState(table: EntityTable, laneKey: string, key: string): KeyState {
    const trouble = this.troubles.get(troubleName(laneKey, table.entity, key)) ?? null;
    return new KeyState(table, laneKey, key, null, trouble, null);
  }

  /** Appointments are found by walking an MPAN's keys: those that are only in trouble must be among them. */
  private placeTrouble(trouble: Trouble): void {
    const { entity, laneKey, key } = trouble;
    if (entity === 'appointment') {
      const mpan = this.mpan(laneKey);
      if (!mpan.byId.has(key)) mpan.place(this.emptyState(appointmentTable, laneKey, key));
    } else if (entity === 'metering_point') this.mpan(laneKey);
    else this.asset(key);
  }
}

export function troubleName(laneKey: string, entity: string, key: string): string {
  return `${entity}|${laneKey}|${key}`;
}
