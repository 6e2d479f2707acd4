import type { ClientBase } from 'pg';
import type { RecordSchema } from '../../../avro/schemas.ts';
import type { LaneDomain, LaneEvent, LaneMoment, OutcomeDelta, Unit } from '../../sink/contract.ts';
import { MirrorBatch, type MirrorOwner } from './mirror-batch.ts';
import { MirrorTable } from './mirror-table.ts';

/** Topic → the newest schema of its mirrored table. It changes while lanes work: the table in the store fits it before. */
export type MirrorSchemas = ReadonlyMap<string, RecordSchema>;

/**
 * Takes the events of mirrored tables out of what a lane brings and keeps the tables; everything else goes to the domain.
 * No rule judges them: each is applied, or changes nothing.
 */
export function withMirrors(domain: LaneDomain, schemas: MirrorSchemas, owner: MirrorOwner): LaneDomain {
  const tables = new Map<string, MirrorTable>();
  const prepared = new WeakSet<ClientBase>();
  const isMirrored = ({ topic }: LaneEvent): boolean => schemas.has(topic);

  async function tableOf(client: ClientBase, topic: string): Promise<MirrorTable> {
    if (!prepared.has(client)) {
      await client.query(mirrorSession);
      prepared.add(client);
    }
    const known = tables.get(topic);
    const schema = schemas.get(topic);
    if (known !== undefined && known.schema === schema) return known;
    if (schema === undefined) throw new RangeError(`${topic} is not mirrored`);
    const table = await MirrorTable.open(client, topic, schema);
    tables.set(topic, table);
    return table;
  }

  async function take(client: ClientBase, events: readonly LaneEvent[]): Promise<readonly OutcomeDelta[]> {
    const byTopic = new Map<string, LaneEvent[]>();
    for (const event of events) {
      const ofTopic = byTopic.get(event.topic);
      if (ofTopic === undefined) byTopic.set(event.topic, [event]);
      else ofTopic.push(event);
    }
    const deltas: OutcomeDelta[] = [];
    for (const [topic, ofTopic] of byTopic) {
      const batch = new MirrorBatch(await tableOf(client, topic), owner);
      deltas.push(...(await batch.apply(client, ofTopic)));
    }
    return deltas;
  }

  return {
    prime: (client, events) => domain.prime(client, events),
    apply: async (client: ClientBase, units: readonly Unit[], moment: LaneMoment) => {
      const found = units.flatMap((unit) => unit.events.filter(isMirrored));
      if (found.length === 0) return domain.apply(client, units, moment);
      const others = units.map((unit) => ({ ...unit, events: unit.events.filter((event) => !isMirrored(event)) }));
      return [...(await domain.apply(client, others, moment)), ...(await take(client, found))];
    },
    applyLarge: async (client, unit, moment) => {
      const leading = unit.leading.filter(isMirrored);
      const taken = [...(await take(client, leading))];
      const truncatedAt = new Map(leading.map(({ topic, event }) => [topic, event.source.ordinal]));
      const slices = async function* (): AsyncGenerator<readonly LaneEvent[]> {
        for await (const slice of unit.slices()) {
          const own = slice.filter(isMirrored);
          const isUndone = ({ topic, event }: LaneEvent): boolean =>
            event.source.ordinal < (truncatedAt.get(topic) ?? 0);
          taken.push(
            ...(await take(
              client,
              own.filter((event) => !isUndone(event)),
            )),
          );
          // What a truncate of the same transaction undid was never visible.
          for (const { topic } of own.filter(isUndone)) taken.push({ topic, outcome: 'applied', delta: 1 });
          yield slice.filter((event) => !isMirrored(event));
        }
      };
      const others = { ...unit, leading: unit.leading.filter((event) => !isMirrored(event)), slices };
      return [...(await domain.applyLarge(client, others, moment)), ...taken];
    },
    deadline: () => domain.deadline(),
  };
}

/** Under which texts mean the same here as in the source's sessions. */
export const mirrorSession = `SET datestyle = ISO; SET intervalstyle = postgres; SET timezone = 'UTC'; SET lc_monetary = 'C';
  SET extra_float_digits = 3; SET bytea_output = hex; SET xmloption = content; SET search_path = public`;
