import { describe, expect, test } from 'vitest';
import { Case } from './decide.fixture.ts';
import { day } from './rules/example-world.ts';
import { loadingCode } from './settle.ts';
import { appointmentEvent, assetEvent, mpanOf, participantEvent, pointEvent, worldBegin } from './world.fixture.ts';

const mpan = mpanOf(1);
const workingDay = 86_400_000_000;

describe('every event ends as exactly one thing (P16)', () => {
  test('a good event is applied', () => {
    const it = new Case().transaction(pointEvent(mpan, 'create', { lsn: 1 }));
    expect(it.outcomes()).toEqual({ applied: 1 });
  });

  test('the same content again is unchanged, and keeps its older position', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
      .transaction(pointEvent(mpan, 'update', { lsn: 2 }))
      .transaction(pointEvent(mpan, 'read', { lsn: 3 }));
    expect(it.outcomes()).toEqual({ applied: 1, unchanged: 2 });
    expect(it.point(mpan).accepted?.lsn).toBe(1);
  });

  test('an event that is not newer than what was received changes nothing', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 5 }))
      .transaction(pointEvent(mpan, 'update', { lsn: 4 }, { opt_out: true }));
    expect(it.outcomes()).toEqual({ applied: 1, unchanged: 1 });
    expect(it.point(mpan).accepted?.items['opt_out']).toBe(false);
  });

  test('a bad event is rejected, and the last good version stays', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
      .transaction(pointEvent(mpan, 'update', { lsn: 2 }, { gsp_group: '_O' }));
    expect(it.outcomes()).toEqual({ applied: 1, rejected: 1 });
    expect(it.point(mpan).accepted?.lsn).toBe(1);
    expect(it.decider.effects.rejections[0]).toMatchObject({
      recordType: 'error',
      flow: 1,
      entity: 'metering_point',
      entityKey: mpan,
      codes: ['GSP_GROUP_UNKNOWN'],
      receiver: 'MSVA',
      referenceVersion: 312,
      lsn: 2,
      raisedAt: worldBegin + 2000,
    });
  });

  test('what can not be held in a field is rejected although the items are those that were accepted', () => {
    const bad = pointEvent(mpan, 'update', { lsn: 2 });
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
      .transaction({ ...bad, event: { ...bad.event, invalid: { line_loss_factor: 'NaN' } } });
    expect(it.rejected()).toEqual(['ITEM_INVALID']);
  });

  test('an appointment to a metering service that is not ours is not ours', () => {
    const it = new Case().transaction(appointmentEvent(mpan, 7, 'create', { lsn: 1 }, { mpid: 'MSVZ' }));
    expect(it.outcomes()).toEqual({ 'not-ours': 1 });
  });

  test('an appointment that goes over to another metering service is no longer in the store', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
      .transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }))
      .transaction(appointmentEvent(mpan, 7, 'update', { lsn: 3 }, { mpid: 'MSVZ' }));
    expect(it.outcomes()).toEqual({ applied: 2, 'not-ours': 1 });
    expect(it.appointment(mpan, 7).accepted).toBeNull();
  });

  test('an item that the source did not send keeps the value that was received last', () => {
    const it = new Case().transaction(pointEvent(mpan, 'create', { lsn: 1 }, { line_loss_factor_class: 'G48' }));
    const sparse = pointEvent(mpan, 'update', { lsn: 2 }, { opt_out: true, line_loss_factor_class: null });
    it.transaction({ ...sparse, event: { ...sparse.event, unchanged: ['line_loss_factor_class'] } });
    expect(it.point(mpan).accepted?.items).toMatchObject({ opt_out: true, line_loss_factor_class: 'G48' });
  });

  test('the delete of a metering point that was never here is unchanged', () => {
    expect(new Case().transaction(pointEvent(mpan, 'delete', { lsn: 1 })).outcomes()).toEqual({ unchanged: 1 });
  });

  test('the delete of an appointment that was never here is an error', () => {
    const it = new Case().transaction(appointmentEvent(mpan, 7, 'delete', { lsn: 1 }));
    expect(it.rejected()).toEqual(['DEAPPOINTMENT_UNKNOWN']);
  });
});

describe('an open rejection', () => {
  const bad = { line_loss_factor_class: '??' };

  test('is resolved by a later good event of its key, with all that were opened before', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }, bad))
      .transaction(pointEvent(mpan, 'update', { lsn: 2 }, { ...bad, opt_out: true }))
      .transaction(pointEvent(mpan, 'update', { lsn: 3 }));
    expect(it.outcomes()).toEqual({ rejected: 2, applied: 1 });
    expect(it.decider.effects.resolutions.map(({ lsn }) => lsn)).toEqual([3, 3]);
    expect(it.point(mpan).last).toBeNull();
  });

  test('is not resolved by a good event of another key of the same metering point', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
      .transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }, { contract_reference: 'far too long for it' }))
      .transaction(appointmentEvent(mpan, 8, 'create', { lsn: 3 }));
    expect(it.resolved()).toBe(0);
  });

  test('is not raised again by a snapshot that reads the same row', () => {
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }, bad))
      .transaction(pointEvent(mpan, 'read', { lsn: 2 }, bad));
    expect(it.outcomes()).toEqual({ rejected: 1, unchanged: 1 });
  });

  test('is resolved by the delete of what it refused', () => {
    const it = new Case()
      .transaction(appointmentEvent(mpan, 7, 'create', { lsn: 1 }, { contract_reference: 'far too long for it' }))
      .transaction(appointmentEvent(mpan, 7, 'delete', { lsn: 2 }));
    expect(it.outcomes()).toEqual({ rejected: 1, applied: 1 });
    expect(it.resolved()).toBe(1);
  });
});

describe('a held event (P17)', () => {
  const early = (): Case => new Case().transaction(appointmentEvent(mpan, 7, 'create', { lsn: 1 }));

  test('is released by the metering point it waits for, with its own position and a decided one', () => {
    const it = early().transaction(pointEvent(mpan, 'create', { lsn: 5 }));
    expect(it.outcomes()).toEqual({ applied: 2 });
    expect(it.appointment(mpan, 7).made).toMatchObject({ lsn: 1, decided: { position: { lsn: 5 } } });
  });

  test('waits on when another metering point comes', () => {
    const it = early().transaction(pointEvent(mpanOf(2), 'create', { lsn: 5 }));
    expect(it.outcomes()).toEqual({ held: 1, applied: 1 });
    expect(it.held(it.appointment(mpan, 7))).toEqual([['METERING_POINT_UNKNOWN']]);
  });

  test('is released by reference data', () => {
    const it = new Case().transaction(
      assetEvent('00-DB-12-34-56-78-90-A1', 'create', { lsn: 1 }, { map_mpid: 'MAPN' }),
    );
    expect(it.outcomes()).toEqual({ held: 1 });
    it.reference.applyEvent('participant', participantEvent('MAPN', 'Z', 'create', { lsn: 2 }).event);
    it.decider.referenceChanged({ position: { generation: 1, lsn: 2, ordinal: 1 }, sourceTime: worldBegin + 2000 });
    expect(it.outcomes()).toEqual({ applied: 1 });
  });

  test('is superseded by an applied event of its key', () => {
    const supplier = { supplier_mpid: 'SUPB' };
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
      .transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }, supplier))
      .transaction(appointmentEvent(mpan, 7, 'update', { lsn: 3 }));
    expect(it.outcomes()).toEqual({ applied: 2, superseded: 1 });
    expect(it.appointment(mpan, 7).accepted?.lsn).toBe(3);
  });

  test('becomes an error when a rule says so after its release', () => {
    const it = new Case()
      .transaction(appointmentEvent(mpan, 7, 'create', { lsn: 1 }))
      .transaction(pointEvent(mpan, 'create', { lsn: 5 }, { market_segment: 'A', load_shape_category: null }));
    expect(it.rejected()).toEqual(['SEGMENT_TARGET']);
    expect(it.outcomes()).toEqual({ applied: 1, rejected: 1 });
  });

  test('ends as an error when its time is up, dated at the deadline', () => {
    const it = early();
    it.decider.expire(worldBegin + 10 * workingDay);
    expect(it.outcomes()).toEqual({ held: 1 });
    it.decider.expire(worldBegin + 30 * workingDay);
    expect(it.outcomes()).toEqual({ rejected: 1 });
    // Ten working days after Wednesday 20 March 2024, with Good Friday and Easter Monday between: the end of 5 April.
    expect(it.decider.effects.rejections[0]).toMatchObject({
      recordType: 'error',
      codes: ['METERING_POINT_UNKNOWN'],
      raisedAt: Date.UTC(2024, 3, 5, 23) * 1000 - 1,
    });
  });
});

describe('while the initial load runs (P12)', () => {
  test('what fails beyond form waits, and is judged when the load is complete', () => {
    const it = new Case().loading(true).transaction(appointmentEvent(mpan, 7, 'read', { lsn: 1 }));
    expect(it.held(it.appointment(mpan, 7))).toEqual([[loadingCode]]);
    it.transaction(pointEvent(mpan, 'read', { lsn: 2 })).loading(false);
    expect(it.outcomes()).toEqual({ held: 1, applied: 1 });
    it.decider.release([loadingCode], () => ({
      position: { generation: 1, lsn: 3, ordinal: 1 },
      sourceTime: worldBegin,
    }));
    expect(it.outcomes()).toEqual({ applied: 2 });
    expect(it.rejected()).toEqual([]);
  });

  test('what fails by its form is refused at once', () => {
    const it = new Case().loading(true).transaction(pointEvent(mpan, 'read', { lsn: 1 }, { gsp_group: '_O' }));
    expect(it.outcomes()).toEqual({ rejected: 1 });
  });

  test('what still fails then is refused, or held for its own reason', () => {
    const it = new Case()
      .loading(true)
      .transaction(appointmentEvent(mpan, 7, 'read', { lsn: 1 }))
      .transaction(pointEvent(mpanOf(2), 'read', { lsn: 1 }, { supplier_efd: day('1990-01-01') }));
    it.decider.release([loadingCode], () => ({
      position: { generation: 1, lsn: 3, ordinal: 1 },
      sourceTime: worldBegin,
    }));
    expect(it.held(it.appointment(mpan, 7))).toEqual([['METERING_POINT_UNKNOWN']]);
    expect(it.rejected()).toEqual(['PARTICIPANT_ROLE_INACTIVE']);
  });
});
