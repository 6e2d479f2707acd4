import type { Rule } from './contract.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { choice, quoted } from './wording.ts';

export const gspGroups = ['_A', '_B', '_C', '_D', '_E', '_F', '_G', '_H', '_J', '_K', '_L', '_M', '_N', '_P'];
export const marketSegments = ['S', 'A', 'U'];
export const measurementQuantities = ['AI', 'AE', 'RI', 'RE'];
export const connectionTypes = ['W', 'L', 'H', 'E', 'U'];
export const serviceTypes = ['MSS', 'MSA', 'UMSO'];
export const reasons = ['COS', 'CSP', 'USP', 'SEG', 'MCA', 'MCS', 'NEW'];

// At most fourteen short texts: going through an array is faster than hashing.
function oneOf(item: string, value: string | null, known: readonly string[]): readonly Finding[] {
  if (value === null || known.includes(value)) return nothing;
  return finding(item, `${item} is ${quoted(value)}: it must be ${choice(known)}.`);
}

const gspGroupUnknown = defineRule({
  code: 'GSP_GROUP_UNKNOWN',
  disposition: 'error',
  stage: 'form',
  items: ['gsp_group'],
  sentence: 'The GSP group is one of the fourteen, _A to _P without _I and _O.',
  remedy: 'Correct the GSP group; it begins with an underscore.',
  support: 'Elexon SVA Data Catalogue, GSP Group Id.',
  on: { metering_point: ({ items }) => oneOf('gsp_group', items.gsp_group, gspGroups) },
});

const segmentUnknown = defineRule({
  code: 'SEGMENT_UNKNOWN',
  disposition: 'error',
  stage: 'form',
  items: ['market_segment'],
  sentence: 'The market segment is S (smart), A (advanced) or U (unmetered).',
  remedy: 'Correct the market segment.',
  support: 'Published interface samples for S; A and U are assumptions.',
  on: { metering_point: ({ items }) => oneOf('market_segment', items.market_segment, marketSegments) },
});

const quantityUnknown = defineRule({
  code: 'QUANTITY_UNKNOWN',
  disposition: 'error',
  stage: 'form',
  items: ['measurement_quantity'],
  sentence: 'The measurement quantity is AI, AE, RI or RE.',
  remedy: 'Correct the measurement quantity: active or reactive, import or export.',
  support: 'Assumption, after the measurement quantities of the settlement data flows.',
  on: {
    metering_point: ({ items }) => oneOf('measurement_quantity', items.measurement_quantity, measurementQuantities),
  },
});

const connectionUnknown = defineRule({
  code: 'CONNECTION_UNKNOWN',
  disposition: 'error',
  stage: 'form',
  items: ['connection_type'],
  sentence: 'The connection type is W (whole current), L, H, E (with a current transformer) or U (unmetered).',
  remedy: 'Correct the connection type.',
  support: 'Published interface samples for W; the others are assumptions.',
  on: { metering_point: ({ items }) => oneOf('connection_type', items.connection_type, connectionTypes) },
});

const serviceTypeUnknown = defineRule({
  code: 'SERVICE_TYPE_UNKNOWN',
  disposition: 'error',
  stage: 'form',
  items: ['service_type'],
  sentence: 'The kind of service is MSS (smart), MSA (advanced) or UMSO (unmetered).',
  remedy: 'Correct the service type: no metering service is told of the appointment until then.',
  support: 'Appointment interface: three flows, SMRS to MSS, to MSA and to UMSO.',
  on: { appointment: ({ items }) => oneOf('service_type', items.service_type, serviceTypes) },
});

const reasonUnknown = defineRule({
  code: 'REASON_UNKNOWN',
  disposition: 'error',
  stage: 'form',
  items: ['reason'],
  sentence: 'The reason of an appointment is COS, CSP, USP, SEG, MCA, MCS or NEW.',
  remedy: 'Correct the reason of the appointment.',
  support:
    'Published interface samples; NEW (meter installation) is an assumption after the Flow 2 business condition.',
  on: { appointment: ({ items }) => oneOf('reason', items.reason, reasons) },
});

export const codeRules: readonly Rule[] = [
  gspGroupUnknown,
  segmentUnknown,
  quantityUnknown,
  connectionUnknown,
  serviceTypeUnknown,
  reasonUnknown,
];
