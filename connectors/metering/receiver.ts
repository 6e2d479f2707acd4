import type { Entity, RuleParameters } from './rules/contract.ts';
import { isServiceType, serviceForSegment, serviceKinds } from './rules/services.ts';
import type { Items } from './versions.ts';

/** Which of our MPIDs speaks in Flow 3 about a record; null when this side plays none. */
export function receiverOf(entity: Entity, items: Items, { services }: RuleParameters): string | null {
  const mpid = items['mpid'];
  const everyMpid = serviceKinds.flatMap((kind) => services[kind]);
  if (entity === 'appointment' && typeof mpid === 'string' && everyMpid.includes(mpid)) return mpid;
  const asked = entity === 'appointment' ? items['service_type'] : serviceForSegment(text(items['market_segment']));
  const kind = text(asked);
  return (isServiceType(kind) ? services[kind][0] : undefined) ?? everyMpid[0] ?? null;
}

function text(item: unknown): string | null {
  return typeof item === 'string' ? item : null;
}
