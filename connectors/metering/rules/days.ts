import type { MeteringPointItems } from './contract.ts';

/** A settlement date that can be reckoned with: a whole number of days. Anything else is as good as absent. */
export function isDay(day: number | null): day is number {
  return Number.isInteger(day);
}

/** The date at which Flow 1's prefix, group and distributor are judged; null while one of the three is not known. */
export function latestEfd(items: MeteringPointItems): number | null {
  const { supplier_efd: supplier, data_service_efd: data, metering_service_efd: service } = items;
  if (!isDay(supplier) || !isDay(data) || !isDay(service)) return null;
  return Math.max(supplier, data, service);
}

/** The last day of a period; an open end lasts for ever. */
export function lastDay(etd: number | null): number {
  return etd === null ? Number.POSITIVE_INFINITY : etd;
}

/** Does a period, both ends inclusive, hold the day? */
export function covers(efd: number | null, etd: number | null, day: number): boolean {
  return efd !== null && efd <= day && day <= lastDay(etd);
}

/** Do two periods, both ends inclusive, share a day? */
export function shareDay(efd: number, etd: number | null, otherEfd: number, otherEtd: number | null): boolean {
  return Math.max(efd, otherEfd) <= Math.min(lastDay(etd), lastDay(otherEtd));
}
