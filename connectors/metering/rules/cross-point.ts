import type { Rule } from './contract.ts';
import { covers, isDay, lastDay } from './days.ts';
import { defineRule, finding, nothing } from './define.ts';
import { isoDay, quoted } from './wording.ts';

const deleteWithLiveAppointment = defineRule({
  code: 'DELETE_WITH_LIVE_APPOINTMENT',
  disposition: 'error',
  stage: 'cross',
  items: ['mpan_core'],
  sentence: 'A metering point is not deleted while an appointment of it is open or ends today or later.',
  remedy: 'End or delete its appointments first, or in the same transaction.',
  support: 'Registration flows: an appointment refers to Flow 1, and may not outlive it.',
  on: {
    metering_point: ({ recordType }, { store, today }) => {
      if (recordType !== 'delete') return nothing;
      const live = store.appointments.filter(({ items }) => lastDay(items.metering_service_etd) >= today);
      if (live.length === 0) return nothing;
      const ids = live.map((one) => one.appointmentId).toSorted((a, b) => a - b);
      return finding(
        'mpan_core',
        `The metering point is deleted, but appointment ${ids.join(', ')} is live on ${isoDay(today)}.`,
      );
    },
  },
});

const serviceMismatch = defineRule({
  code: 'SERVICE_MISMATCH',
  disposition: 'warn',
  stage: 'cross',
  items: ['metering_service_mpid', 'metering_service_efd'],
  sentence: 'The metering service of Flow 1 is the one that is appointed on its EFD.',
  remedy:
    'Nothing, while the appointment is on its way; else have the metering service corrected in one of the two flows.',
  support: 'Registration flows 1 and 2 both name the metering service.',
  on: {
    metering_point: ({ items, recordType }, { store }) => {
      const { metering_service_mpid: mpid, metering_service_efd: day } = items;
      if (recordType === 'delete' || mpid === null || !isDay(day) || store.appointments.length === 0) return nothing;
      const appointed = store.appointments.filter((one) =>
        covers(one.items.metering_service_efd, one.items.metering_service_etd, day),
      );
      if (appointed.length === 0 || appointed.some((one) => one.items.mpid === mpid)) return nothing;
      const names = appointed.map((one) => quoted(one.items.mpid ?? '')).toSorted();
      return finding(
        'metering_service_mpid',
        `metering_service_mpid is ${quoted(mpid)}, but ${names.join(', ')} is appointed on ${isoDay(day)}.`,
      );
    },
  },
});

export const pointCrossRules: readonly Rule[] = [deleteWithLiveAppointment, serviceMismatch];
