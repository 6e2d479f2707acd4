import { day } from './calendar.ts';
import type { Weighted } from './random.ts';
import type { DistributorRow, ParticipantRow } from './rows.ts';

/** The roles as the embedded configuration names them. */
export const roles = { supplier: 'X', distributor: 'R', dataService: 'D', meteringService: 'M', map: 'Z' } as const;

export const gspGroups = ['_A', '_B', '_C', '_D', '_E', '_F', '_G', '_H', '_J', '_K', '_L', '_M', '_N', '_P'] as const;

const privatised = day('1998-04-01');
export const referenceVersion = 1;

/** MPID, share of the market, first day. Suppliers and agents are made up; distributors are real. */
const supplierTable: readonly (readonly [string, number, string])[] = [
  ['ALBN', 21, '1998-04-01'],
  ['BRYT', 18, '1998-04-01'],
  ['CALD', 13, '1998-04-01'],
  ['DELT', 11, '1998-04-01'],
  ['EVRG', 9, '1998-04-01'],
  ['FENL', 6, '1998-04-01'],
  ['GLEN', 5, '1998-04-01'],
  ['HAVN', 4, '2004-06-01'],
  ['IRIS', 3, '2004-06-01'],
  ['JUNO', 2, '2009-02-01'],
  ['KITE', 1.5, '2009-02-01'],
  ['LARK', 1.2, '1998-04-01'],
  ['MOOR', 1, '1998-04-01'],
  ['NOVA', 0.8, '2013-05-01'],
  ['OAKS', 0.7, '2013-05-01'],
  ['PYLN', 0.6, '2014-09-01'],
  ['QUAY', 0.5, '2015-03-01'],
  ['RILL', 0.5, '2016-10-01'],
  ['STRM', 0.4, '2017-01-01'],
  ['TIDE', 0.3, '2018-04-01'],
  ['UMBR', 0.2, '2019-07-01'],
];

export const supplierWeights: ReadonlyMap<string, number> = new Map(
  supplierTable.map(([mpid, share]) => [mpid, share]),
);

/** A supplier that failed: it held its role until this day and no longer. */
export const failedSupplier = { mpid: 'VOLT', from: day('2012-01-01'), to: day('2021-11-30') };
/** A supplier whose MPID is not letters only: right, but worth a warning. */
export const supplierWithDigits = 'SUP7';
/** An MPID that no participant has. */
export const nobody = 'ZZZZ';

export const meteringServices = {
  S: { mpid: 'MSVA', serviceType: 'MSS' },
  A: { mpid: 'MSAA', serviceType: 'MSA' },
  U: { mpid: 'UMSA', serviceType: 'UMSO' },
} as const;
/** A smart metering service which this side does not play: its appointments are not ours. */
export const otherMeteringService = 'MSVB';

export const dataServices = { S: ['SDSA', 'SDSB'], A: ['ADSA'], U: ['UDSA'] } as const;

const mapTable: readonly (readonly [string, string | null])[] = [
  ['MAPA', null],
  ['MAPB', null],
  ['MAPC', null],
  ['MAPD', null],
  ['MAPE', null],
  ['MAPF', null],
];
/** A meter asset provider that is one no more: the list of MAPs is known to be stale. */
export const endedMap = { mpid: 'MAPX', to: day('2015-03-31') };

/** Prefix, MPID, share in per cent, groups (home first), first day, last day. */
interface Network {
  readonly prefix: string;
  readonly mpid: string;
  readonly share: number;
  readonly groups: readonly string[];
  readonly from: number;
  readonly to: number | null;
}

const all = [...gspGroups];
const networks: readonly Network[] = [
  home('10', 'EELC', 12, ['_A']),
  home('11', 'EMEB', 9, ['_B']),
  home('12', 'LOND', 8, ['_C']),
  home('13', 'MANW', 5, ['_D']),
  home('14', 'MIDE', 8.5, ['_E']),
  home('15', 'NEEB', 5.5, ['_F']),
  home('16', 'NORW', 8, ['_G']),
  home('17', 'HYDE', 2.5, ['_P', '_N']),
  home('18', 'SPOW', 7, ['_N']),
  home('19', 'SEEB', 8, ['_J']),
  home('20', 'SOUT', 10.5, ['_H', ...all.filter((group) => !['_H', '_N', '_P'].includes(group))]),
  home('21', 'SWAE', 4, ['_K']),
  home('22', 'SWEB', 5.5, ['_L']),
  home('23', 'YELG', 8, ['_M']),
  independent('24', 'IPNL', '2002-10-01'),
  independent('25', 'LENG', '2002-10-01'),
  independent('26', 'GUCL', '2002-10-01'),
  independent('27', 'ETCL', '2002-10-01'),
  { ...independent('28', 'EDFI', '2009-04-16'), share: 0.05, groups: ['_C'], to: day('2014-12-17') },
  independent('29', 'HARL', '2009-04-16'),
  independent('30', 'PENL', '2009-04-16'),
  { ...independent('31', 'UKPD', '2009-04-16'), groups: all.filter((group) => group !== '_P') },
  independent('32', 'UDNL', '2009-04-16'),
  independent('33', 'GGEN', '2017-04-01'),
  independent('34', 'MPDL', '2017-04-01'),
  independent('35', 'FEAL', '2017-04-01'),
  independent('36', 'VATT', '2017-04-01'),
  independent('37', 'FORB', '2017-04-01'),
  independent('38', 'INDI', '2017-04-01'),
];

export const prefixWeights: readonly Weighted<string>[] = networks.map((network) => ({
  value: network.prefix,
  weight: network.share,
}));

/** A prefix that is nobody's in the reference data. */
export const unusedPrefix = '39';

function home(prefix: string, mpid: string, share: number, groups: readonly string[]): Network {
  return { prefix, mpid, share, groups, from: privatised, to: null };
}

/** Independent networks share 5 % of the points. */
function independent(prefix: string, mpid: string, from: string): Network {
  return { prefix, mpid, share: 5 / 15, groups: all, from: day(from), to: null };
}

/** Every participant of the first reference version. */
export function participants(): ParticipantRow[] {
  const rows: ParticipantRow[] = [];
  const add = (mpid: string, role: string, name: string, from: number, to: number | null = null): void => {
    rows.push({ mpid, role, name, effective_from: from, effective_to: to, reference_version: referenceVersion });
  };
  for (const [mpid, , from] of supplierTable) add(mpid, roles.supplier, `Supplier ${mpid}`, day(from));
  add(failedSupplier.mpid, roles.supplier, 'A supplier that failed', failedSupplier.from, failedSupplier.to);
  add(supplierWithDigits, roles.supplier, 'A supplier with a digit', privatised);
  for (const network of networks) {
    add(network.mpid, roles.distributor, `Distributor ${network.mpid}`, network.from, network.to);
  }
  for (const mpid of Object.values(dataServices).flat())
    add(mpid, roles.dataService, `Data service ${mpid}`, privatised);
  for (const { mpid } of Object.values(meteringServices)) {
    add(mpid, roles.meteringService, `Metering service ${mpid}`, privatised);
  }
  add(otherMeteringService, roles.meteringService, 'Metering service of others', privatised);
  for (const [mpid] of mapTable) add(mpid, roles.map, `Meter asset provider ${mpid}`, privatised);
  add(endedMap.mpid, roles.map, 'A meter asset provider that ended', privatised, endedMap.to);
  return rows;
}

/** Which distributor has which prefix in which GSP group, since when and until when. */
export function distributors(): DistributorRow[] {
  return networks.flatMap((network) =>
    network.groups.map((group) => ({
      prefix: network.prefix,
      distributor_mpid: network.mpid,
      gsp_group: group,
      effective_from: network.from,
      effective_to: network.to,
    })),
  );
}
