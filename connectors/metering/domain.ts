import type { Logger } from 'pino';
import type { LaneDomain } from '../sink/contract.ts';
import { MeteringLane } from './lane-domain.ts';
import { type MirrorSchemas, withMirrors } from './mirror/mirror-lane.ts';
import { type MeteringReport, newMeteringReport } from './report.ts';
import type { RuleParameters } from './rules/contract.ts';
import { judge } from './rules/judge.ts';
import { withReceipts } from './receipts.ts';

export interface MeteringSettings {
  /** The source's name, which is also the prefix of its topics. */
  readonly source: string;
  /** Of every lane topic. */
  readonly partitions: number;
  readonly ruleParameters: RuleParameters;
  /** Tables that are kept as they are, besides those that the rule book is about. */
  readonly mirrors?: MirrorSchemas;
}

export interface MeteringDependencies {
  readonly log: Logger;
  /** Figures for `status` and metrics; nobody needs to look. */
  readonly report?: MeteringReport;
}

/** What the sink does on the metering side with a lane: a new instance for every start and after every failure. */
export function createMeteringDomain(
  settings: MeteringSettings,
  { log, report = newMeteringReport() }: MeteringDependencies,
): (lane: number) => LaneDomain {
  const { source, partitions, ruleParameters: parameters, mirrors } = settings;
  return (lane) => {
    const judged = new MeteringLane({ source, lane, partitions, rules: { judge, parameters } }, log, report);
    const domain = withReceipts(judged, `${source}.receipt`);
    return mirrors === undefined ? domain : withMirrors(domain, mirrors, { source, lane });
  };
}
