import type { RuleParameters, ServiceType } from './contract.ts';

export const serviceKinds: readonly ServiceType[] = ['MSS', 'MSA', 'UMSO'];

/** Does this side play the MPID, in whatever kind of service? */
export function isOurs(mpid: string, { services }: RuleParameters): boolean {
  return services.MSS.includes(mpid) || services.MSA.includes(mpid) || services.UMSO.includes(mpid);
}

export function isServiceType(text: string | null): text is ServiceType {
  return text === 'MSS' || text === 'MSA' || text === 'UMSO';
}

/** The kind of metering service that a market segment is for; null for a segment that is none. */
export function serviceForSegment(segment: string | null): ServiceType | null {
  if (segment === 'S') return 'MSS';
  if (segment === 'A') return 'MSA';
  return segment === 'U' ? 'UMSO' : null;
}
