import type { ClientBase } from 'pg';
import { CopyText } from './copy-rows.ts';
import { copyField, copyNull, copyTextArray, timestampText } from './copy-text.ts';
import type { Effects, HeldRow, Rejection } from './effects.ts';
import type { KeyState } from './key-state.ts';
import { heldCodes } from './settle.ts';
import { copyRows } from './write.ts';

const copyRejections = `COPY metering.rejection (rejection_id, mpan_core, record_type, flow, entity, entity_key, source, generation,
  lsn, ordinal, revision, rule_codes, details, reference_version, receiver, status, raised_at, topic, lane_key) FROM STDIN`;

const copyHeld = `COPY metering.held (mpan_core, entity, entity_key, source, generation, lsn, ordinal, rule_codes, held_since, due,
  held_id, lane, lane_key, topic, details, event, revision) FROM STDIN`;

const copyRejected = `COPY metering.rejected_event (rejection_id, source, lane, lane_key, entity, event) FROM STDIN`;

const copyLast = `COPY metering.last_received (lane_key, entity, entity_key, source, lane, topic, generation, lsn, ordinal, event,
  kept_generation, kept_lsn, kept_ordinal) FROM STDIN`;

/** Writes rejections, holds and last received contents. Rejections are inserted open and then resolved: the outbox tells both. */
export async function writeTrouble(
  client: ClientBase,
  lane: number,
  effects: Effects,
  states: Iterable<KeyState>,
): Promise<void> {
  await copyRows(client, copyRejections, CopyText.of(effects.rejections.map(rejectionRow)));
  await copyRows(client, copyRejected, CopyText.of(effects.rejections.flatMap((row) => rejectedRow(lane, row))));
  if (effects.resolutions.length > 0) await resolve(client, effects);
  if (effects.heldRemoved.length > 0) {
    await client.query('DELETE FROM metering.held WHERE held_id = ANY($1)', [effects.heldRemoved]);
  }
  await copyRows(client, copyHeld, CopyText.of([...effects.heldAdded.values()].map((row) => heldRow(lane, row))));
  const troubled = [...states].filter(({ troubleTouched }) => troubleTouched);
  const known = troubled.filter(({ hadTrouble }) => hadTrouble);
  if (known.length > 0) {
    await client.query(
      `DELETE FROM metering.last_received l USING unnest($1::text[], $2::text[], $3::text[]) AS k(lane_key, entity, entity_key)
       WHERE l.lane_key = k.lane_key AND l.entity = k.entity AND l.entity_key = k.entity_key`,
      [known.map(({ laneKey }) => laneKey), known.map(({ table }) => table.entity), known.map(({ key }) => key)],
    );
  }
  await copyRows(client, copyLast, CopyText.of(troubled.flatMap((state) => lastRow(lane, state))));
}

async function resolve(client: ClientBase, { resolutions }: Effects): Promise<void> {
  await client.query(
    `WITH ended AS (
       UPDATE metering.rejection r SET status = t.status, resolved_by_generation = t.generation, resolved_by_lsn = t.lsn,
         resolved_at = t.at
       FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::timestamptz[], $5::text[]) AS t(id, generation, lsn, at, status)
       WHERE r.rejection_id = t.id AND r.status = 'open' RETURNING r.rejection_id
     ) DELETE FROM metering.rejected_event e USING ended WHERE e.rejection_id = ended.rejection_id`,
    [
      resolutions.map(({ id }) => id),
      resolutions.map(({ generation }) => generation),
      resolutions.map(({ lsn }) => lsn),
      resolutions.map(({ at }) => timestampText(at)),
      resolutions.map(({ status }) => status),
    ],
  );
}

function rejectionRow(row: Rejection): string {
  return `${[
    row.id,
    copyField(row.mpanCore),
    row.recordType,
    row.flow,
    row.entity,
    copyField(row.entityKey),
    copyField(row.source),
    row.generation,
    row.lsn,
    row.ordinal,
    row.revision,
    copyTextArray(row.codes),
    copyField(JSON.stringify(row.broken)),
    row.referenceVersion ?? copyNull,
    copyField(row.receiver),
    'open',
    timestampText(row.raisedAt),
    copyField(row.topic),
    copyField(row.laneKey),
  ].join('\t')}\n`;
}

function rejectedRow(lane: number, { id, source, laneKey, entity, event }: Rejection): string[] {
  if (event === null) return [];
  const fields = [id, copyField(source), lane, copyField(laneKey), entity, copyField(JSON.stringify(event))];
  return [`${fields.join('\t')}\n`];
}

function heldRow(lane: number, { state, held }: HeldRow): string {
  const mpan = held.event['mpan_core'];
  return `${[
    copyField(typeof mpan === 'string' ? mpan : null),
    state.table.entity,
    copyField(state.key),
    copyField(held.event.source.name),
    held.generation,
    held.lsn,
    held.ordinal,
    copyTextArray(heldCodes(held)),
    timestampText(held.since),
    held.due === null ? copyNull : timestampText(held.due),
    held.id,
    lane,
    copyField(state.laneKey),
    copyField(held.topic),
    copyField(JSON.stringify(held.broken)),
    copyField(JSON.stringify(held.event)),
    held.revision,
  ].join('\t')}\n`;
}

function lastRow(lane: number, { laneKey, table, key, last, kept }: KeyState): string[] {
  if (last === null) return [];
  return [
    `${[
      copyField(laneKey),
      table.entity,
      copyField(key),
      copyField(last.event.source.name),
      lane,
      copyField(last.topic),
      last.generation,
      last.lsn,
      last.ordinal,
      copyField(JSON.stringify(last.event)),
      kept?.generation ?? copyNull,
      kept?.lsn ?? copyNull,
      kept?.ordinal ?? copyNull,
    ].join('\t')}\n`,
  ];
}
