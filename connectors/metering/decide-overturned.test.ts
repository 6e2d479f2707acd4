import { describe, expect, test } from 'vitest';
import { Case } from './decide.fixture.ts';
import { day } from './rules/example-world.ts';
import { appointmentEvent, mpanOf, participantEvent, pointEvent } from './world.fixture.ts';

const mpan = mpanOf(1);
/** SUPA holds its role from 1997 on: a record of 1990 comes before it. */
const early = { supplier_efd: day('1990-01-01') };
const earlier = (lsn: number, from = '1980-01-01', mpid = 'SUPA') =>
  participantEvent(mpid, 'X', 'create', { lsn }, { effective_from: day(from) });

function rejectedPoint(): Case {
  const it = new Case().transaction(pointEvent(mpan, 'create', { lsn: 2 }, early));
  expect(it.rejected()).toEqual(['PARTICIPANT_ROLE_INACTIVE']);
  return it;
}

describe('a rejection that newer reference data overturns', () => {
  test('is withdrawn, and its event is applied with its own position and a decided one', () => {
    const it = rejectedPoint().newerReference(earlier(5));
    expect(it.withdrawn()).toEqual([5]);
    expect(it.resolved()).toBe(0);
    expect(it.outcomes()).toEqual({ applied: 1 });
    expect(it.point(mpan).made).toMatchObject({ lsn: 2, decided: { position: { lsn: 5 } } });
    expect(it.point(mpan).last).toBeNull();
  });

  test('stays open when the newer reference data says the same', () => {
    const it = rejectedPoint().newerReference(earlier(5, '1991-01-01'));
    expect(it.withdrawn()).toEqual([]);
    expect(it.outcomes()).toEqual({ rejected: 1 });
  });

  test('is not applied over something newer of its key: that has resolved it already', () => {
    const it = rejectedPoint()
      .transaction(pointEvent(mpan, 'update', { lsn: 3 }))
      .newerReference(earlier(5));
    expect(it.withdrawn()).toEqual([]);
    expect(it.resolved()).toBe(1);
    expect(it.outcomes()).toEqual({ rejected: 1, applied: 1 });
    expect(it.point(mpan).made).toMatchObject({ lsn: 3 });
  });

  test('is applied below a newer one that stays refused, which stays the last received', () => {
    const it = rejectedPoint()
      .transaction(pointEvent(mpan, 'update', { lsn: 3 }, { gsp_group: '_O' }))
      .newerReference(earlier(5));
    expect(it.outcomes()).toEqual({ applied: 1, rejected: 1 });
    expect(it.point(mpan).made).toMatchObject({ lsn: 2 });
    expect(it.point(mpan).last).toMatchObject({ lsn: 3 });
    expect(it.point(mpan).rejections).toMatchObject([{ lsn: 3 }]);
  });

  test('lets go the appointments that wait for its metering point', () => {
    const it = rejectedPoint().transaction(appointmentEvent(mpan, 7, 'create', { lsn: 3 }));
    expect(it.outcomes()).toEqual({ rejected: 1, held: 1 });
    it.newerReference(earlier(5));
    expect(it.held(it.appointment(mpan, 7))).toEqual([['SUPPLIER_MISMATCH']]);
    expect(it.outcomes()).toEqual({ applied: 1, held: 1 });
  });

  test('is renewed with the next revision when it fails for another reason now', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 2 }, { ...early, market_segment: 'U' }))
      .newerReference(earlier(5));
    const [first, second] = it.decider.effects.rejections;
    expect(first).toMatchObject({ revision: 1, codes: ['PARTICIPANT_ROLE_INACTIVE'] });
    expect(second).toMatchObject({ lsn: 2, revision: 2 });
    expect(second?.codes).toContain('SEGMENT_CONNECTION');
    expect(second?.id).not.toBe(first?.id);
    expect(it.withdrawn()).toEqual([5]);
    expect(it.outcomes()).toEqual({ rejected: 1 });
  });

  test('of a participant that was not known in time is withdrawn when it becomes known', () => {
    const it = new Case().transaction(pointEvent(mpan, 'create', { lsn: 2 }, { supplier_mpid: 'SUPC' }));
    expect(it.outcomes()).toEqual({ held: 1 });
    it.decider.expire(Number.MAX_SAFE_INTEGER);
    expect(it.outcomes()).toEqual({ rejected: 1 });
    it.newerReference(participantEvent('SUPC', 'X', 'create', { lsn: 5 }));
    expect(it.withdrawn()).toEqual([5]);
    expect(it.outcomes()).toEqual({ applied: 1 });
  });

  test('begins to wait anew where it waits now, and is of the next revision when that time is up', () => {
    const it = new Case().transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }, { supplier_mpid: 'SUPC' }));
    it.decider.expire(Number.MAX_SAFE_INTEGER);
    it.newerReference(participantEvent('SUPC', 'X', 'create', { lsn: 5 }));
    const [held] = it.appointment(mpan, 7).held;
    expect(held?.broken.map(({ code }) => code)).toEqual(['METERING_POINT_UNKNOWN']);
    expect(held?.since).toBe(held === undefined ? 0 : held.event.source.sourceTime + 3000);
    it.decider.expire(Number.MAX_SAFE_INTEGER);
    expect(it.decider.effects.rejections.map(({ revision }) => revision)).toEqual([1, 2]);
    expect(it.outcomes()).toEqual({ rejected: 1 });
  });

  test('is passed by when its addressee turns out to be another metering service', () => {
    const it = new Case().transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }, { mpid: 'MSVY' }));
    it.decider.expire(Number.MAX_SAFE_INTEGER);
    it.newerReference(participantEvent('MSVY', 'M', 'create', { lsn: 5 }));
    expect(it.withdrawn()).toEqual([5]);
    expect(it.outcomes()).toEqual({ 'not-ours': 1 });
  });
});
