import type { DecodedEvent, RecordType } from '../../avro/envelope.ts';
import type { LaneEvent, LaneMoment, Unit } from '../sink/contract.ts';
import { goodAppointment, goodAsset, goodPoint } from './rules/example-world.ts';
import { checkDigitOf } from './rules/mpan.ts';

/** Events as they lie in a lane, for tests: short to say, with a world of reference data in which good records pass. */

export const topics = {
  point: 'registration.metering-point',
  mss: 'registration.appointment.mss',
  msa: 'registration.appointment.msa',
  participant: 'registration.participant',
  distributor: 'registration.distributor',
  asset: 'registration.meter-asset',
} as const;

/** 2024-03-20 09:00:00 UTC, in epoch microseconds: the source time of LSN 0; each LSN is a millisecond. */
export const worldBegin = Date.UTC(2024, 2, 20, 9) * 1000;

export interface Stamp {
  readonly lsn: number;
  readonly ordinal?: number;
  /** Epoch microseconds. */
  readonly at?: number;
}

export function laneEvent(
  topic: string,
  key: string,
  recordType: RecordType,
  items: object,
  { lsn, ordinal = 1, at = worldBegin + lsn * 1000 }: Stamp,
): LaneEvent {
  const event = {
    recordType,
    senderId: 'REGS',
    createdAt: at,
    correlationId: null,
    source: { name: 'registration', generation: 1, lsn, ordinal, xid: 1000 + lsn, committedAt: at, sourceTime: at },
    invalid: {},
    unchanged: [],
    ...items,
  } as unknown as DecodedEvent;
  return { topic, partition: 0, offset: lsn, key, event };
}

export function unit(lsn: number, ...events: readonly LaneEvent[]): Unit {
  return { generation: 1, lsn, events };
}

/** A moment long after the initial load. */
export function moment(lsn: number, more: Partial<LaneMoment> = {}): LaneMoment {
  return {
    source: 'registration',
    lane: 0,
    through: { generation: 1, lsn, ordinal: 1_000_000 },
    sourceTime: worldBegin + lsn * 1000,
    loadCompleteAt: { generation: 1, lsn: 0, ordinal: 0 },
    ...more,
  };
}

/** The nth valid MPAN core of distributor 13. */
export function mpanOf(n: number): string {
  const body = `13${String(n).padStart(10, '0')}`;
  return `${body}${checkDigitOf(body)}`;
}

export function pointEvent(mpan: string, recordType: RecordType, stamp: Stamp, change: object = {}): LaneEvent {
  // A delete carries the items of the replica identity, the others null.
  const nothing = Object.fromEntries(Object.keys(goodPoint).map((name) => [name, null]));
  const items = recordType === 'delete' ? nothing : { ...goodPoint, ...change };
  return laneEvent(topics.point, mpan, recordType, { ...items, mpan_core: mpan }, stamp);
}

export function appointmentEvent(
  mpan: string,
  id: number,
  recordType: RecordType,
  stamp: Stamp,
  change: object = {},
): LaneEvent {
  const items = { ...goodAppointment, mpan_core: mpan, appointment_id: id, ...change };
  return laneEvent(topics.mss, mpan, recordType, items, stamp);
}

export function assetEvent(deviceId: string, recordType: RecordType, stamp: Stamp, change: object = {}): LaneEvent {
  return laneEvent(topics.asset, deviceId, recordType, { ...goodAsset, device_id: deviceId, ...change }, stamp);
}

/** Reference data under which good records pass, as one unit's events. */
export function referenceEvents(lsn: number): readonly LaneEvent[] {
  const participants = [
    ['MANW', 'R'],
    ['SUPA', 'X'],
    ['SUPB', 'X'],
    ['DATA', 'D'],
    ['MSVA', 'M'],
    ['MSAA', 'M'],
    ['MSVZ', 'M'],
    ['MAPA', 'Z'],
  ];
  const events = participants.map(([mpid = '', role = ''], index) =>
    participantEvent(mpid, role, 'create', { lsn, ordinal: index + 1 }),
  );
  const distributor = {
    prefix: '13',
    distributor_mpid: 'MANW',
    gsp_group: '_D',
    effective_from: 10_000,
    effective_to: null,
  };
  events.push(
    laneEvent(topics.distributor, '13|_D|1997-05-19', 'create', distributor, { lsn, ordinal: events.length + 1 }),
  );
  return events;
}

export function participantEvent(
  mpid: string,
  role: string,
  recordType: RecordType,
  stamp: Stamp,
  change: object = {},
): LaneEvent {
  const items = {
    mpid,
    role,
    name: mpid,
    effective_from: 10_000,
    effective_to: null,
    reference_version: 312,
    ...change,
  };
  return laneEvent(topics.participant, `${mpid}|${role}|1997-05-19`, recordType, items, stamp);
}
