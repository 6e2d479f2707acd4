import { describe, expect, test } from 'vitest';
import { Case } from './decide.fixture.ts';
import { appointmentEvent, mpanOf, participantEvent, pointEvent } from './world.fixture.ts';

const mpan = mpanOf(1);

/** An appointment whose metering point has not come in time. */
function refusedAppointment(change: object = {}): Case {
  const it = new Case().transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }, change));
  expect(it.held(it.appointment(mpan, 7))).toEqual([['METERING_POINT_UNKNOWN']]);
  it.decider.expire(Number.MAX_SAFE_INTEGER);
  expect(it.rejected()).toEqual(['METERING_POINT_UNKNOWN']);
  return it;
}

describe('an appointment that was refused because its metering point was not known', () => {
  test('is withdrawn and applied when the metering point comes after all', () => {
    const it = refusedAppointment().transaction(pointEvent(mpan, 'create', { lsn: 5 }));
    expect(it.withdrawn()).toEqual([5]);
    expect(it.outcomes()).toEqual({ applied: 2 });
    expect(it.appointment(mpan, 7).made).toMatchObject({ lsn: 2, decided: { position: { lsn: 5 } } });
    expect(it.appointment(mpan, 7).last).toBeNull();
  });

  test('stays refused when the metering point is refused', () => {
    const it = refusedAppointment().transaction(pointEvent(mpan, 'create', { lsn: 5 }, { gsp_group: '_O' }));
    expect(it.withdrawn()).toEqual([]);
    expect(it.outcomes()).toEqual({ rejected: 2 });
  });

  test('waits anew, and is of the next revision, when the metering point says something else', () => {
    const it = refusedAppointment({ supplier_mpid: 'SUPB' }).transaction(pointEvent(mpan, 'create', { lsn: 5 }));
    expect(it.withdrawn()).toEqual([5]);
    expect(it.held(it.appointment(mpan, 7))).toEqual([['SUPPLIER_MISMATCH']]);
    it.decider.expire(Number.MAX_SAFE_INTEGER);
    // Nothing of the supplier: it has waited for this and is not asked to wait again.
    it.transaction(pointEvent(mpan, 'update', { lsn: 6 }, { opt_out: true }));
    expect(it.withdrawn()).toEqual([5]);
    expect(it.decider.effects.rejections.map(({ revision }) => revision)).toEqual([1, 2]);
    it.transaction(pointEvent(mpan, 'delete', { lsn: 7 }));
    expect(it.withdrawn()).toEqual([5]);
  });

  test('is not applied over something newer of its key', () => {
    const it = refusedAppointment()
      .transaction(appointmentEvent(mpan, 7, 'delete', { lsn: 3 }))
      .transaction(pointEvent(mpan, 'create', { lsn: 5 }));
    expect(it.withdrawn()).toEqual([]);
    expect(it.appointment(mpan, 7).accepted).toBeNull();
  });
});

test('a participant that is still not known leaves the rejection as it is, whatever else reference data says', () => {
  const it = new Case().transaction(pointEvent(mpan, 'create', { lsn: 2 }, { supplier_mpid: 'SUPC' }));
  it.decider.expire(Number.MAX_SAFE_INTEGER);
  it.newerReference(participantEvent('SUPD', 'X', 'create', { lsn: 5 }));
  expect(it.withdrawn()).toEqual([]);
  expect(it.outcomes()).toEqual({ rejected: 1 });
});
