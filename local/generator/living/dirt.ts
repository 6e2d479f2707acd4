import type { Defect } from '../defects.ts';
import { keyOf } from '../sample.ts';
import type { PointRow } from '../rows.ts';
import type { Circumstances } from '../unit.ts';
import { connect, isClosed, newMpan } from './business.ts';
import { copyOf, livingUnit, type LivingUnit, nothingThere } from './state.ts';

/** A change that breaks a rule, and the MPAN cores at which it is to be put right. */
export interface Spoilt {
  readonly before: LivingUnit;
  readonly after: LivingUnit;
  readonly code: string;
  readonly touched: readonly string[];
}

/** Defects that only a record of its own can have: its key is the fault. */
const keyFaults = new Set(['MPAN_FORMAT', 'MPAN_CHECK_DIGIT', 'MPAN_PREFIX']);
/** Networks with a home: elsewhere every GSP group is right. */
const oldNetworks = ['10', '11', '12', '13', '14', '15', '16', '17', '18', '19', '20', '21', '22', '23'];

/**
 * Breaks one rule at a unit, or at a new one where this unit does not do; null where neither does.
 * Without a defect the point is deleted while it is served.
 */
export function spoilt(
  unit: LivingUnit & { readonly point: PointRow },
  defect: Defect | null,
  circumstances: Circumstances,
): Spoilt | null {
  if (defect === null) return deletedWhileServed(unit, circumstances);
  const needsNew = keyFaults.has(defect.code) && defect.table === 'metering_point';
  if (!needsNew && isSpoilable(unit, defect, circumstances) && circumstances.random.chance(0.7)) {
    return spoiltUnit(unit, copyOf(unit), defect, circumstances);
  }
  if (needsOld(defect)) return null;
  const mpanCore = newMpan(circumstances.random.pick(oldNetworks), circumstances);
  const made = connect(mpanCore, circumstances.today - 3, circumstances, { segment: defect.segment });
  if (made === null) return null;
  if (defect.table === 'metering_point') {
    made.appointments.length = 0;
    made.assets.length = 0;
  }
  return spoiltUnit(nothingThere(mpanCore), made, defect, circumstances);
}

/** What a point says of its appointment can only be wrong when the appointment came before. */
function needsOld(defect: Defect): boolean {
  return defect.table === 'metering_point' && defect.aboutToday;
}

function spoiltUnit(
  before: LivingUnit,
  unit: ReturnType<typeof copyOf>,
  defect: Defect,
  circumstances: Circumstances,
): Spoilt {
  const row = defect.spoil(unit, circumstances);
  const after = livingUnit(unit);
  const touched = [after.mpanCore, row.mpan_core ?? ''].filter((mpanCore) => mpanCore !== '');
  return { before, after, code: defect.code, touched: [...new Set(touched)] };
}

/** Only where the fault is the only one: the unit is served by one of ours, has begun, and nothing is to come. */
function isSpoilable(
  unit: LivingUnit & { readonly point: PointRow },
  defect: Defect,
  { today }: Circumstances,
): boolean {
  const current = unit.appointments.at(-1);
  if (unit.point.market_segment !== defect.segment || !oldNetworks.includes(unit.mpanCore.slice(0, 2))) return false;
  if (current === undefined || current.metering_service_etd !== null) return false;
  const begun = (current.supplier_efd ?? today) < today && (current.metering_service_efd ?? today) < today;
  return begun && (current.mpid === 'MSVA' || current.mpid === 'UMSA');
}

function deletedWhileServed(unit: LivingUnit & { readonly point: PointRow }, { market }: Circumstances): Spoilt | null {
  const current = unit.appointments.at(-1);
  if (current?.mpid !== 'MSVA' || current.metering_service_etd !== null || isClosed(unit, market)) return null;
  const after = { ...unit, point: null };
  return { before: unit, after, code: 'DELETE_WITH_LIVE_APPOINTMENT', touched: [keyOf(unit.point)] };
}
