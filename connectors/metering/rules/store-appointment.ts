import type { AcceptedAppointment, AppointmentItems, Rule } from './contract.ts';
import { isDay, lastDay, shareDay } from './days.ts';
import { defineRule, type Finding, finding, nothing } from './define.ts';
import { isoDay, isoEnd, quoted } from './wording.ts';

function period({ metering_service_efd: efd, metering_service_etd: etd }: AppointmentItems): string {
  return `${efd === null ? 'unknown' : isoDay(efd)} to ${isoEnd(etd)}`;
}

function nameOf({ appointmentId, items }: AcceptedAppointment): string {
  return `appointment ${appointmentId} (${quoted(items.mpid ?? '')}, ${period(items)})`;
}

const overlap = defineRule({
  code: 'APPOINTMENT_OVERLAP',
  disposition: 'error',
  stage: 'store',
  items: ['metering_service_efd', 'metering_service_etd'],
  sentence: 'An appointment shares no day with another accepted appointment of the metering point, whoever it names.',
  remedy:
    'End the other appointment the day before this one begins: both days are inclusive, so 31 March and 31 March overlap.',
  support: 'Registration flows, conceptual model: every meter supplies data to only one metering service.',
  on: {
    appointment: ({ items, recordType }, { store }) => {
      const { appointment_id: own, metering_service_efd: efd, metering_service_etd: etd } = items;
      if (recordType === 'delete' || !isDay(efd) || store.appointments.length === 0) return nothing;
      const others = store.appointments.filter(
        (other) =>
          other.appointmentId !== own &&
          isDay(other.items.metering_service_efd) &&
          shareDay(efd, etd, other.items.metering_service_efd, other.items.metering_service_etd),
      );
      if (others.length === 0) return nothing;
      // The order in which the store lists them must not show in Flow 3.
      const named = others.toSorted((a, b) => a.appointmentId - b.appointmentId).map(nameOf);
      return finding(
        'metering_service_efd',
        `The service period ${period(items)} shares days with ${named.join(', ')}.`,
      );
    },
  },
});

/** The days without a service just before and just after a period, as the neighbours leave them. */
function gapsBeside(
  items: AppointmentItems,
  others: readonly AcceptedAppointment[],
  isGone: boolean,
): readonly Finding[] {
  const { metering_service_efd: efd, metering_service_etd: etd } = items;
  if (!isDay(efd)) return nothing;
  let before = Number.NEGATIVE_INFINITY;
  let after = Number.POSITIVE_INFINITY;
  for (const { items: other } of others) {
    const begin = other.metering_service_efd;
    if (!isDay(begin)) continue;
    if (begin < efd) before = Math.max(before, lastDay(other.metering_service_etd));
    else after = Math.min(after, begin);
  }
  if (isGone) return Number.isFinite(before) ? between(before, after) : nothing;
  const earlier = Number.isFinite(before) ? between(before, efd) : nothing;
  const later = etd === null ? nothing : between(Math.max(etd, before), after);
  return later.length === 0 ? earlier : [...earlier, ...later];
}

function between(last: number, next: number): readonly Finding[] {
  if (!Number.isFinite(next) || next - last <= 1) return nothing;
  const days = `${isoDay(last + 1)} to ${isoDay(next - 1)}`;
  return finding('metering_service_efd', `No metering service is appointed from ${days}.`);
}

// Told only of the days beside the record that is judged: an old gap is not told again with every later appointment.
const gap = defineRule({
  code: 'APPOINTMENT_GAP',
  disposition: 'warn',
  stage: 'store',
  items: ['metering_service_efd', 'metering_service_etd'],
  sentence: 'From the first appointment on, no day between two appointments is without a service.',
  remedy: 'Ask the supplier who was responsible on those days, and have an appointment date corrected.',
  support: 'Registration flows, conceptual model: every meter supplies data to a metering service.',
  on: {
    appointment: ({ items, recordType }, { store }) => {
      const { appointments } = store;
      if (appointments.length === 0) return nothing;
      const others = appointments.filter((other) => other.appointmentId !== items.appointment_id);
      return others.length === 0 ? nothing : gapsBeside(items, others, recordType === 'delete');
    },
  },
});

const deappointmentUnknown = defineRule({
  code: 'DEAPPOINTMENT_UNKNOWN',
  disposition: 'error',
  stage: 'store',
  items: ['appointment_id'],
  sentence: 'A delete ends an appointment that is in the store, unless its last event is rejected or held.',
  remedy: 'Nothing is left to end. If the appointment should have been here, reconcile the metering point.',
  support: 'Registration flow 2: the flow notifies of an appointment or of its end.',
  on: {
    appointment: ({ items, recordType }, { store }) => {
      if (recordType !== 'delete' || store.lastEventOpen) return nothing;
      if (store.appointments.some((accepted) => accepted.appointmentId === items.appointment_id)) return nothing;
      return finding('appointment_id', `appointment_id ${items.appointment_id} is deleted, but is not in the store.`);
    },
  },
});

export const appointmentStoreRules: readonly Rule[] = [overlap, gap, deappointmentUnknown];
