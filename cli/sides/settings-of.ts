import { outboxRoutes } from '../../connectors/metering/outbox-routes.ts';
import { registrationRoutes } from '../../connectors/registration/routes.ts';
import { defaultSinkLimits, type SinkLimits } from '../../connectors/sink/settings.ts';
import type { SourceSettings } from '../../connectors/source/contract.ts';
import { mirrorRoute } from '../../connectors/source/mirror-route.ts';
import type { GeneratedSchemas } from '../mirrors.ts';
import type { Settings } from '../settings.ts';
import { flowMapping } from '../table-settings.ts';

/** The registration database as a source: flows 1 and 2, reference data, assets, receipts of flow 3, mirrored tables. */
export function registrationSourceOf(settings: Settings, generated: GeneratedSchemas): SourceSettings {
  const { name, senderId, slot, publication, tables } = settings.registration;
  return {
    ...commonOf(settings, name),
    name,
    senderId,
    slot,
    publication,
    routes: [
      ...registrationRoutes(name, { tables: flowMapping(tables) }),
      ...[...generated].map(([topic, schema]) => mirrorRoute(topic, schema)),
    ],
    parkedTopic: `${name}.parked`,
  };
}

/** The metering store as a source: flow 3 and the receipts of flows 1 and 2. */
export function meteringSourceOf(settings: Settings): SourceSettings {
  const { name, senderId, slot, publication } = settings.metering;
  return {
    ...commonOf(settings, name),
    name,
    senderId,
    slot,
    publication,
    routes: outboxRoutes(name),
    parkedTopic: null,
  };
}

function commonOf(
  settings: Settings,
  name: string,
): Pick<SourceSettings, 'progressTopic' | 'transactionalId' | 'partitions' | 'limits'> {
  return {
    progressTopic: `${name}.progress`,
    transactionalId: `concord-${name}-source`,
    partitions: settings.kafka.partitions,
    limits: settings.limits,
  };
}

export function sinkLimitsOf(settings: Settings): SinkLimits {
  const { batchEventsMax, laneBufferBytesMax, receiptIntervalMs } = settings.limits;
  return { ...defaultSinkLimits, batchEventsMax, laneBufferBytesMax, receiptIntervalMs };
}
