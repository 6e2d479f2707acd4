import { type Day, day } from './calendar.ts';
import type { Market } from './market.ts';
import type { Random } from './random.ts';
import type { AssetRow, PointRow } from './rows.ts';

const firstSmart = day('2013-01-01');
const models = [
  { manufacturer: 'Aclara', model: 'SGM1411', firmware: ['5.63.2', '5.70.1'] },
  { manufacturer: 'Landis+Gyr', model: 'E470', firmware: ['3.7.5', '3.9.0', '4.0.2'] },
  { manufacturer: 'EDMI', model: 'ES-12B', firmware: ['1.42', '1.51'] },
  { manufacturer: 'Kaifa', model: 'MA120', firmware: ['2.18.0', '2.20.4'] },
] as const;
const statuses = ['Commissioned', 'Commissioned', 'Commissioned', 'Commissioned', 'InstalledNotCommissioned'] as const;
const inwardLetters = 'ABDEFGHJLNPQRSTUWXYZ';
const areas = ['AB', 'B', 'BS', 'CF', 'EH', 'G', 'L', 'LE', 'M', 'NE', 'NR', 'OX', 'S', 'SW'] as const;

/** Where assets get what is theirs alone. */
export interface AssetSetting {
  readonly market: Market;
  readonly today: Day;
  readonly nextDeviceId: () => string;
}

/** The devices at a smart point: most have a meter, some of these a communications hub that is listed as well. */
export function deviceOf(random: Random, point: PointRow, meter: string | null, setting: AssetSetting): AssetRow[] {
  if (!random.chance(0.82)) return [];
  const installed = random.between(Math.max(firstSmart, (point.metering_service_efd ?? 0) - 400), setting.today);
  const electricity = makeAsset(random, point, meter ?? random.digits(10), 'ESME', installed, setting);
  if (!random.chance(0.08)) return [electricity];
  const hub = makeAsset(random, point, `H${random.digits(9)}`, 'CHF', installed, setting);
  return [electricity, { ...hub, postcode: electricity.postcode, uprn: electricity.uprn }];
}

export function makeAsset(
  random: Random,
  point: PointRow,
  serialNumber: string,
  deviceType: string,
  installed: Day,
  setting: AssetSetting,
): AssetRow {
  const made = random.pick(models);
  const mapEfd = random.chance(0.8) ? installed : random.between(installed, Math.max(installed, setting.today));
  return {
    device_id: setting.nextDeviceId(),
    mpan_core: point.mpan_core,
    serial_number: serialNumber,
    device_type: deviceType,
    manufacturer: made.manufacturer,
    model: made.model,
    status: random.pick(statuses),
    installed_on: installed,
    removed_on: null,
    removal_reason: null,
    firmware_version: random.pick(made.firmware),
    firmware_status: random.chance(0.9) ? 'Active' : 'Superseded',
    csp_region: region(point.gsp_group),
    postcode: postcode(random),
    uprn: random.chance(0.5) ? random.digits(12) : String(random.between(1, 999_999_999)),
    dcc_compliant: random.chance(0.97),
    dcc_approved: random.chance(0.95),
    map_mpid: setting.market.map(random, mapEfd),
    map_efd: mapEfd,
    map_etd: null,
  };
}

/** An EUI-64 as it is written; `index` up to 2^53. */
export function deviceId(block: number, index: number): string {
  const high = ((block & 0xffffff) >>> 0).toString(16).padStart(6, '0');
  const low = index.toString(16).padStart(10, '0').slice(-10);
  return `${high}${low}`.toUpperCase().replace(/(..)(?!$)/g, '$1-');
}

function postcode(random: Random): string {
  const letter = (): string => inwardLetters.charAt(random.integer(inwardLetters.length));
  return `${random.pick(areas)}${random.between(1, 29)} ${random.integer(10)}${letter()}${letter()}`;
}

/** The three regions of the smart metering networks. */
function region(gspGroup: string | null): string {
  if (gspGroup === '_P' || gspGroup === '_N' || gspGroup === '_F' || gspGroup === '_G') return 'North';
  return gspGroup === '_C' || gspGroup === '_J' || gspGroup === '_H' || gspGroup === '_L' ? 'South' : 'Central';
}
