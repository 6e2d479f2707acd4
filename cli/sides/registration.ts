import type { Logger } from 'pino';
import { createInboxDomain } from '../../connectors/registration/inbox.ts';
import { newSinkReport } from '../../connectors/sink/report.ts';
import { newSourceReport } from '../../connectors/source/report.ts';
import { openPool } from '../../runtime/postgres.ts';
import type { Settings } from '../settings.ts';
import { evolveMirrors } from './evolve-mirrors.ts';
import { sinkLeg, sourceLeg, topicsOfSource } from './legs.ts';
import { lookingAtMirrors } from './look-at-mirrors.ts';
import { registrationSourceOf, sinkLimitsOf } from './settings-of.ts';
import { pausingOf } from './pausing.ts';
import { newLegStates, type OpenSide, type Side } from './side.ts';

/** The registration side: publishes its tables, takes flow 3 into its inbox. */
export function openRegistration(settings: Settings, log: Logger): OpenSide {
  const { registration, metering } = settings;
  const source = newSourceReport();
  const sink = newSinkReport();
  const pool = openPool(registration.database, 'concord registration sink', settings.kafka.partitions + 1);
  const sinkSettings = {
    ...topicsOfSource(settings, metering.name),
    receiver: registration.senderId,
    storeSchema: 'concord',
    limits: sinkLimitsOf(settings),
  } as const;
  const side: Side = {
    name: 'registration',
    sourceName: registration.name,
    readsFrom: metering.name,
    states: newLegStates(),
    source,
    sink,
    pausing: pausingOf(registration, log),
    legs: [
      sourceLeg(
        settings,
        {
          generate: (registry, settled) => evolveMirrors(settings, registry, settled, log),
          settingsOf: (generated) => registrationSourceOf(settings, generated),
          lookingAt: (generated, settled) => lookingAtMirrors(settings, generated, settled),
        },
        registration.database,
        source,
        log.child({ leg: 'source' }),
      ),
      sinkLeg(settings, sinkSettings, pool, () => createInboxDomain, sink, log.child({ leg: 'sink' })),
    ],
  };
  return { side, judgement: null, close: () => pool.end() };
}
