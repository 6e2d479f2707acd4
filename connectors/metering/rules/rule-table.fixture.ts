import type { Disposition, Entity, Stage } from './contract.ts';

/** The rule book's table as the trade has it, row by row, to hold the rules against. */
const table = `
ITEM_MISSING | 1 2 | E | F
ITEM_INVALID | 1 2 | E | F
MPAN_FORMAT | 1 2 asset | E | F
MPAN_CHECK_DIGIT | 1 2 asset | E | F
GSP_GROUP_UNKNOWN | 1 | E | F
MPID_FORMAT | 1 2 | E | F
MPID_DIGITS | 1 2 | W | F
SEGMENT_UNKNOWN | 1 | E | F
QUANTITY_UNKNOWN | 1 | E | F
CONNECTION_UNKNOWN | 1 | E | F
LLF_CLASS_FORMAT | 1 | E | F
LLF_RANGE | 1 | W | F
SERVICE_TYPE_UNKNOWN | 2 | E | F
REASON_UNKNOWN | 2 | E | F
CONTRACT_MISSING | 2 | R | F
CONTRACT_FORMAT | 2 | E | F
METER_ID_FORMAT | 2 | E | F
METER_ID_MISSING | 2 | R | F
METER_ID_UNMETERED | 2 | E | F
DATE_ORDER | 2 asset | E | F
DEVICE_ID_FORMAT | asset | E | F
UPRN_FORMAT | asset | E | F
POSTCODE_FORMAT | asset | E | F
MPAN_PREFIX | 1 2 | E | G
WRONG_REGISTRATION_SERVICE | 1 2 | E | G
GSP_GROUP_DISTRIBUTOR | 1 | E | G
DISTRIBUTOR_MISMATCH | 1 | E | G
PARTICIPANT_UNKNOWN | 1 2 | H | G
PARTICIPANT_ROLE_INACTIVE | 1 2 | E | G
MAP_UNKNOWN | asset | H | G
MAP_INACTIVE | asset | E | G
SEGMENT_CONNECTION | 1 | E | I
LOAD_SHAPE_INCONSISTENT | 1 | E | I
SEGMENT_TARGET | 2 | R | X
NOT_ADDRESSEE | 2 | R | G
SERVICE_BEFORE_SUPPLIER | 2 | R | I
SERVICE_OUTSIDE_SUPPLIER | 2 | R | I
MAP_DATES | asset | E | I
CONTRACT_UNKNOWN | 2 | R | G
APPOINTMENT_OVERLAP | 2 | E | S
APPOINTMENT_GAP | 2 | W | S
DEAPPOINTMENT_UNKNOWN | 2 | E | S
COS_AFTER_SUPPLY_START | 2 | R | I | today
EFD_TOO_FAR | 2 | R | I | today
METERING_POINT_UNKNOWN | 2 | H | X
SUPPLIER_MISMATCH | 2 | H | X
DELETE_WITH_LIVE_APPOINTMENT | 1 | E | X
SERVICE_MISMATCH | 1 | W | X
`;

export interface TableRow {
  readonly code: string;
  readonly entities: readonly Entity[];
  readonly disposition: Disposition;
  readonly stage: Stage;
  readonly aboutToday: boolean;
}

const entityOf: Readonly<Record<string, Entity>> = { 1: 'metering_point', 2: 'appointment', asset: 'meter_asset' };
const dispositionOf: Readonly<Record<string, Disposition>> = { E: 'error', R: 'rejection', H: 'hold', W: 'warn' };
const stageOf: Readonly<Record<string, Stage>> = { F: 'form', G: 'reference', I: 'record', S: 'store', X: 'cross' };

function known<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`not in the table's vocabulary: ${name}`);
  return value;
}

export const ruleTable: readonly TableRow[] = table
  .trim()
  .split('\n')
  .map((line) => {
    const [code = '', flows = '', disposition = '', stage = '', today] = line.split('|').map((cell) => cell.trim());
    return {
      code,
      entities: flows.split(' ').map((flow) => known(entityOf[flow], flow)),
      disposition: known(dispositionOf[disposition], disposition),
      stage: known(stageOf[stage], stage),
      aboutToday: today === 'today',
    };
  });
