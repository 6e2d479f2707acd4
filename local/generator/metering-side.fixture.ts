import type { DecodedEvent, RecordType } from '../../avro/envelope.ts';
import { BatchState } from '../../connectors/metering/batch-state.ts';
import { Decider } from '../../connectors/metering/decide.ts';
import { judge } from '../../connectors/metering/rules/judge.ts';
import { defaultParameters } from '../../connectors/metering/rules/parameters.ts';
import { ReferenceData } from '../../connectors/metering/rules/reference-data.ts';
import type { LaneEvent } from '../../connectors/sink/contract.ts';
import type { RowChange } from './living/state.ts';
import { type Cell, tables } from './rows.ts';

/** One record that the metering side did not take. */
export interface Trouble {
  readonly entity: string;
  readonly key: string;
  readonly codes: readonly string[];
}

const topics: Readonly<Record<string, string>> = {
  metering_point: 'registration.metering-point',
  meter_asset: 'registration.meter-asset',
};
const services: Readonly<Record<string, string>> = { MSA: 'msa', UMSO: 'umso' };
const microsecondsPerDay = 86_400_000_000;

/** The real rule book and the real decisions on a store in memory, fed with rows as the source would send them. */
export class MeteringSide {
  readonly #reference = new ReferenceData();
  readonly #state = new BatchState(new Map(), new Map());
  readonly #decider = new Decider(this.#state, { judge, parameters: defaultParameters }, this.#reference);
  readonly #rows = new Map<string, object>();
  readonly #noon: number;
  #lsn = 0;
  #rejections = 0;

  /** `today` is the date of source time of all that comes. */
  constructor(today: number) {
    this.#noon = today * microsecondsPerDay + microsecondsPerDay / 2;
  }

  /** One source transaction; says what was refused or held of it. `isRead` is for rows that a snapshot found. */
  commit(changes: readonly RowChange[], isRead = false): Trouble[] {
    this.#lsn += 1;
    const heldBefore = new Set(this.#decider.effects.heldAdded.keys());
    const events = changes.flatMap((change, index) => this.#eventsOf(change, index + 1, isRead));
    this.#decider.unit({ generation: 1, lsn: this.#lsn, events }, false);
    if (changes.some(({ table }) => table === 'participant')) this.#release();
    const refused = this.#decider.effects.rejections.slice(this.#rejections);
    this.#rejections = this.#decider.effects.rejections.length;
    const held = [...this.#decider.effects.heldAdded].filter(([id]) => !heldBefore.has(id)).map(([, row]) => row);
    return [
      ...refused.map(({ entity, entityKey, codes }) => ({ entity, key: entityKey, codes })),
      ...held.map(({ state, held: { broken } }) => ({
        entity: state.table.entity,
        key: state.key,
        codes: [...new Set(broken.map((rule) => rule.code))],
      })),
    ];
  }

  /** How often each warning was given. */
  get warnings(): ReadonlyMap<string, number> {
    return this.#decider.effects.warnings;
  }

  /** What still waits or is still refused. */
  get open(): string[] {
    return [...this.#state.touched()]
      .filter((state) => state.last !== null)
      .map(
        (state) =>
          `${state.table.entity} ${state.key} ${state.held.flatMap(({ broken }) => broken.map((one) => one.code)).join()}`,
      );
  }

  #release(): void {
    const position = { generation: 1, lsn: this.#lsn, ordinal: 1 };
    this.#decider.referenceChanged({ position, sourceTime: this.#noon });
  }

  #eventsOf({ table, operation, row }: RowChange, ordinal: number, isRead: boolean): LaneEvent[] {
    if (table === 'participant' || table === 'distributor_gsp_group') {
      this.#reference.upsert(table, row as unknown as Readonly<Record<string, unknown>>);
      return [];
    }
    const rowKey = `${table}|${tables[table].key.map((name) => String(cellOf(row, name))).join('|')}`;
    const before = this.#rows.get(rowKey);
    if (operation === 'delete') this.#rows.delete(rowKey);
    else this.#rows.set(rowKey, { ...row });
    if (operation === 'insert') return [this.#event(table, isRead ? 'read' : 'create', row, ordinal)];
    if (before === undefined) throw new Error(`a ${operation} of a row that is not there`);
    if (operation === 'delete') return [this.#event(table, 'delete', before, ordinal)];
    const stays = topicOf(table, before) === topicOf(table, row) && keyOf(table, before) === keyOf(table, row);
    if (stays) return [this.#event(table, 'update', row, ordinal)];
    return [this.#event(table, 'delete', before, ordinal), this.#event(table, 'create', row, ordinal)];
  }

  #event(
    table: 'metering_point' | 'appointment' | 'meter_asset',
    recordType: RecordType,
    row: object,
    ordinal: number,
  ): LaneEvent {
    const source = {
      name: 'registration',
      generation: 1,
      lsn: this.#lsn,
      ordinal,
      xid: this.#lsn,
      committedAt: this.#noon,
      sourceTime: this.#noon,
    };
    const invalid: Record<string, string> = {};
    const event: Record<string, unknown> = {
      recordType,
      senderId: 'REGS',
      createdAt: this.#noon,
      correlationId: null,
      source,
      invalid,
      unchanged: [],
    };
    const isKeyOnly = recordType === 'delete' && table !== 'appointment';
    for (const { name, type } of tables[table].columns) {
      const value = isKeyOnly && !tables[table].key.includes(name) ? null : cellOf(row, name);
      const isUnmetered = table === 'appointment' && cellOf(row, 'service_type') === 'UMSO' && name === 'meter_id';
      const carried = type === 'numeric' && value !== null ? Math.round(Number(value) * 1e6) : value;
      const fits = !(isUnmetered && value !== null) && (typeof carried !== 'number' || Number.isFinite(carried));
      event[name] = fits ? carried : null;
      if (!fits) invalid[name] = String(value);
    }
    const decoded = event as unknown as DecodedEvent;
    return { topic: topicOf(table, row), partition: 0, offset: this.#lsn, key: keyOf(table, row), event: decoded };
  }
}

function topicOf(table: string, row: object): string {
  return topics[table] ?? `registration.appointment.${services[String(cellOf(row, 'service_type'))] ?? 'mss'}`;
}

function keyOf(table: string, row: object): string {
  return String(cellOf(row, table === 'meter_asset' ? 'device_id' : 'mpan_core') ?? '');
}

function cellOf(row: object, name: string): Cell {
  return (row as Readonly<Record<string, Cell>>)[name] ?? null;
}
