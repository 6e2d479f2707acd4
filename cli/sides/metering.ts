import type { Logger } from 'pino';
import { createMeteringDomain } from '../../connectors/metering/domain.ts';
import type { LaneDomain } from '../../connectors/sink/contract.ts';
import { newMeteringReport } from '../../connectors/metering/report.ts';
import { newSinkReport } from '../../connectors/sink/report.ts';
import { newSourceReport } from '../../connectors/source/report.ts';
import { openPool } from '../../runtime/postgres.ts';
import { type GeneratedSchemas, noGenerated } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import { openJudgement } from './judgement-metrics.ts';
import { sinkLeg, sourceLeg, topicsOfSource } from './legs.ts';
import { meteringSourceOf, sinkLimitsOf } from './settings-of.ts';
import { pausingOf } from './pausing.ts';
import { newLegStates, type OpenSide, type Side } from './side.ts';

/** The metering side: judges and stores what registration sends, publishes what it refuses. */
export function openMetering(settings: Settings, log: Logger): OpenSide {
  const { registration, metering } = settings;
  const source = newSourceReport();
  const sink = newSinkReport();
  const pool = openPool(metering.database, 'concord metering sink', settings.kafka.partitions + 1);
  const report = newMeteringReport();
  const judgement = openJudgement(metering.database, report, registration.name);
  const sinkLog = log.child({ leg: 'sink' });
  const sinkSettings = {
    ...topicsOfSource(settings, registration.name),
    receiver: metering.receiver,
    storeSchema: 'metering',
    limits: sinkLimitsOf(settings),
  } as const;
  const domainOf = (mirrors: GeneratedSchemas): ((lane: number) => LaneDomain) =>
    createMeteringDomain(
      {
        source: registration.name,
        partitions: settings.kafka.partitions,
        ruleParameters: metering.rules,
        ...(mirrors === noGenerated ? {} : { mirrors }),
      },
      { log: sinkLog, report },
    );
  const side: Side = {
    name: 'metering',
    sourceName: metering.name,
    readsFrom: registration.name,
    states: newLegStates(),
    source,
    sink,
    pausing: pausingOf(metering, log),
    legs: [
      sourceLeg(
        settings,
        {
          generate: () => Promise.resolve(noGenerated),
          settingsOf: () => meteringSourceOf(settings),
          lookingAt: () => () => Promise.resolve([]),
        },
        metering.database,
        source,
        log.child({ leg: 'source' }),
      ),
      sinkLeg(settings, sinkSettings, pool, domainOf, sink, sinkLog),
    ],
  };
  return {
    side,
    judgement,
    close: async () => {
      await Promise.all([pool.end(), judgement.close()]);
    },
  };
}
