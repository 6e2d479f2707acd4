import type { ClientBase, CustomTypesConfig } from 'pg';
import { day } from '../calendar.ts';
import { Market } from '../market.ts';
import type { Random } from '../random.ts';
import { prefixWeights } from '../reference.ts';
import type { AppointmentRow, AssetRow, DistributorRow, ParticipantRow, PointRow } from '../rows.ts';
import type { LivingUnit } from './state.ts';

/** Dates as days, 64-bit integers as numbers, a numeric as its text. */
const types: CustomTypesConfig = {
  getTypeParser: (oid: number) => (text: string) => {
    if (oid === 1082) return day(text);
    if (oid === 20 || oid === 23) return Number(text);
    return oid === 16 ? text === 't' : text;
  },
};

/** The point at or after each of some keys thrown at random, wherever it is: the index finds it, nothing is scanned. */
const thrown = `
  SELECT p.* FROM unnest($1::text[]) AS thrown (key)
  CROSS JOIN LATERAL (
    SELECT * FROM registration.metering_point AS m
    WHERE m.mpan_core >= thrown.key AND ($3::text IS NULL OR m.supplier_mpid = $3)
    ORDER BY m.mpan_core LIMIT $4
  ) AS p
  UNION ALL SELECT * FROM registration.metering_point WHERE mpan_core = ANY ($2::text[])`;

/** What to read. */
export interface Draw {
  /** MPAN cores to read whether there is a point or not. */
  readonly mpanCores: readonly string[];
  /** How many keys to throw, and how many points to take at each. */
  readonly throws: number;
  readonly pointsEach?: number;
  readonly supplier?: string | null;
}

/** Reads units as they stand: those asked for first, then some at random, none twice. */
export async function drawUnits(client: ClientBase, random: Random, draw: Draw): Promise<LivingUnit[]> {
  const keys = Array.from({ length: draw.throws }, () => random.weighted(prefixWeights) + random.digits(10));
  const points = await client.query<PointRow>({
    name: 'draw_points',
    text: thrown,
    values: [keys, draw.mpanCores, draw.supplier ?? null, draw.pointsEach ?? 1],
    types,
  });
  const byKey = new Map(points.rows.map((row) => [row.mpan_core, row]));
  const mpanCores = [...new Set([...draw.mpanCores, ...byKey.keys()])];
  if (mpanCores.length === 0) return [];
  const [appointments, assets] = await Promise.all([
    client.query<AppointmentRow & { mpan_core: string }>({
      name: 'draw_appointments',
      text: `SELECT * FROM registration.appointment WHERE mpan_core = ANY ($1::text[])
             ORDER BY metering_service_efd NULLS FIRST, appointment_id`,
      values: [mpanCores],
      types,
    }),
    client.query<AssetRow & { mpan_core: string }>({
      name: 'draw_assets',
      text: 'SELECT * FROM registration.meter_asset WHERE mpan_core = ANY ($1::text[]) ORDER BY device_id',
      values: [mpanCores],
      types,
    }),
  ]);
  const appointmentsOf = byMpanCore(appointments.rows);
  const assetsOf = byMpanCore(assets.rows);
  const units = mpanCores.map((mpanCore) => ({
    mpanCore,
    point: byKey.get(mpanCore) ?? null,
    appointments: appointmentsOf.get(mpanCore) ?? [],
    assets: assetsOf.get(mpanCore) ?? [],
  }));
  return units.filter(isReadable);
}

/** A date beyond the calendar can be read here but not written again as it was. */
function isReadable(unit: LivingUnit): boolean {
  const rows: readonly object[] = [...unit.appointments, ...unit.assets, ...(unit.point === null ? [] : [unit.point])];
  return rows.every((row) => Object.values(row).every((value) => !Number.isNaN(value)));
}

function byMpanCore<R extends { mpan_core: string }>(rows: readonly R[]): ReadonlyMap<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    const group = groups.get(row.mpan_core);
    if (group === undefined) groups.set(row.mpan_core, [row]);
    else group.push(row);
  }
  return groups;
}

/** What the database says of itself when a run begins. */
export interface Survey {
  readonly participants: readonly ParticipantRow[];
  readonly distributors: readonly DistributorRow[];
  readonly market: Market;
  readonly lastAppointmentId: number;
}

export async function survey(client: ClientBase): Promise<Survey> {
  const participants = await client.query<ParticipantRow>({
    text: 'SELECT * FROM registration.participant ORDER BY mpid, role, effective_from',
    types,
  });
  const distributors = await client.query<DistributorRow>({
    text: 'SELECT * FROM registration.distributor_gsp_group ORDER BY prefix, effective_from',
    types,
  });
  const last = await client.query<{ last: number | null }>({
    text: 'SELECT max(appointment_id) AS last FROM registration.appointment',
    types,
  });
  return {
    participants: participants.rows,
    distributors: distributors.rows,
    market: new Market(participants.rows, distributors.rows),
    lastAppointmentId: last.rows[0]?.last ?? 0,
  };
}
