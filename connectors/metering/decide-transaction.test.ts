import { describe, expect, test } from 'vitest';
import { Case } from './decide.fixture.ts';
import { day } from './rules/example-world.ts';
import { appointmentEvent, mpanOf, pointEvent, topics } from './world.fixture.ts';

const mpan = mpanOf(1);

/** A metering point with one open appointment (7). */
function appointed(): Case {
  return new Case()
    .transaction(pointEvent(mpan, 'create', { lsn: 1 }))
    .transaction(appointmentEvent(mpan, 7, 'create', { lsn: 2 }));
}

const shortened = { metering_service_etd: day('2024-04-09') };
const successor = { metering_service_efd: day('2024-04-10'), reason: 'CSP', meter_id: 'E6S7654321' };

describe('a source transaction is judged as a whole (P14)', () => {
  test('a cascade that deletes the metering point before its appointments is no error', () => {
    const it = appointed().transaction(
      pointEvent(mpan, 'delete', { lsn: 3, ordinal: 1 }),
      appointmentEvent(mpan, 7, 'delete', { lsn: 3, ordinal: 2 }),
    );
    expect(it.rejected()).toEqual([]);
    expect(it.outcomes()).toEqual({ applied: 4 });
    expect(it.point(mpan).accepted).toBeNull();
    expect(it.appointment(mpan, 7).accepted).toBeNull();
  });

  test('a new appointment that is inserted before the old one is shortened is no error', () => {
    const it = appointed().transaction(
      appointmentEvent(mpan, 8, 'create', { lsn: 3, ordinal: 1 }, successor),
      appointmentEvent(mpan, 7, 'update', { lsn: 3, ordinal: 2 }, shortened),
    );
    expect(it.rejected()).toEqual([]);
    expect(it.appointment(mpan, 7).accepted?.items['metering_service_etd']).toBe(shortened.metering_service_etd);
    expect(it.appointment(mpan, 8).accepted).not.toBeNull();
  });

  test('a new appointment that is inserted before the old one is deleted is no error', () => {
    const it = appointed().transaction(
      appointmentEvent(mpan, 8, 'create', { lsn: 3, ordinal: 1 }, successor),
      appointmentEvent(mpan, 7, 'delete', { lsn: 3, ordinal: 2 }),
    );
    expect(it.outcomes()).toEqual({ applied: 4 });
  });

  test('an appointment that is inserted before the metering point it needs is not held', () => {
    const it = new Case().transaction(
      appointmentEvent(mpan, 7, 'create', { lsn: 1, ordinal: 1 }),
      pointEvent(mpan, 'create', { lsn: 1, ordinal: 2 }),
    );
    expect(it.outcomes()).toEqual({ applied: 2 });
  });

  test('a metering point may go in the transaction that ends its appointment, whichever comes first', () => {
    const ended = { metering_service_etd: day('2024-03-10'), metering_service_efd: day('2024-03-01'), reason: 'CSP' };
    const it = new Case()
      .transaction(pointEvent(mpan, 'create', { lsn: 1 }, { supplier_efd: day('2024-01-01') }))
      .transaction(
        appointmentEvent(
          mpan,
          7,
          'create',
          { lsn: 2 },
          { ...ended, metering_service_etd: null, supplier_efd: day('2024-01-01') },
        ),
      )
      .transaction(
        pointEvent(mpan, 'delete', { lsn: 3, ordinal: 1 }),
        appointmentEvent(mpan, 7, 'update', { lsn: 3, ordinal: 2 }, { ...ended, supplier_efd: day('2024-01-01') }),
      );
    expect(it.rejected()).toEqual([]);
    expect(it.point(mpan).accepted).toBeNull();
  });

  test('a metering point that goes with a live appointment left is an error, and stays', () => {
    const it = appointed().transaction(pointEvent(mpan, 'delete', { lsn: 3 }));
    expect(it.rejected()).toEqual(['DELETE_WITH_LIVE_APPOINTMENT']);
    expect(it.point(mpan).accepted).not.toBeNull();
  });

  test('two appointments of one transaction that share days: the one with the smaller ordinal is accepted', () => {
    const it = new Case().transaction(
      pointEvent(mpan, 'create', { lsn: 1, ordinal: 1 }),
      appointmentEvent(mpan, 8, 'create', { lsn: 1, ordinal: 2 }),
      appointmentEvent(mpan, 7, 'create', { lsn: 1, ordinal: 3 }),
    );
    expect(it.rejected()).toEqual(['APPOINTMENT_OVERLAP']);
    expect(it.appointment(mpan, 8).accepted).not.toBeNull();
    expect(it.appointment(mpan, 7).accepted).toBeNull();
  });

  test('an overlap that the same transaction puts right was never there', () => {
    const it = appointed().transaction(
      appointmentEvent(
        mpan,
        8,
        'create',
        { lsn: 3, ordinal: 1 },
        { ...successor, metering_service_efd: day('2024-04-05') },
      ),
      appointmentEvent(mpan, 8, 'update', { lsn: 3, ordinal: 2 }, successor),
      appointmentEvent(mpan, 7, 'update', { lsn: 3, ordinal: 3 }, shortened),
    );
    expect(it.rejected()).toEqual([]);
    expect(it.outcomes()).toEqual({ applied: 5 });
  });

  test('when the last word of a transaction is refused, the word before it stands', () => {
    const it = appointed().transaction(
      appointmentEvent(mpan, 7, 'update', { lsn: 3, ordinal: 1 }, shortened),
      appointmentEvent(mpan, 8, 'create', { lsn: 3, ordinal: 2 }, successor),
      appointmentEvent(
        mpan,
        8,
        'update',
        { lsn: 3, ordinal: 3 },
        { ...successor, metering_service_efd: day('2024-04-05') },
      ),
    );
    expect(it.rejected()).toEqual(['APPOINTMENT_OVERLAP']);
    expect(it.appointment(mpan, 8).accepted?.items['metering_service_efd']).toBe(successor.metering_service_efd);
    expect(it.appointment(mpan, 8).last?.ordinal).toBe(3);
  });

  test('when every word of a transaction is refused, all are told and nothing stands', () => {
    const it = appointed().transaction(
      appointmentEvent(mpan, 8, 'create', { lsn: 3, ordinal: 1 }, successor),
      appointmentEvent(mpan, 8, 'update', { lsn: 3, ordinal: 2 }, { ...successor, meter_id: 'OTHER' }),
    );
    expect(it.rejected()).toEqual(['APPOINTMENT_OVERLAP', 'APPOINTMENT_OVERLAP']);
    expect(it.appointment(mpan, 8).accepted).toBeNull();
  });

  test('what is created and deleted in one transaction leaves nothing but history', () => {
    const it = appointed().transaction(
      appointmentEvent(mpan, 8, 'create', { lsn: 3, ordinal: 1 }, successor),
      appointmentEvent(mpan, 8, 'delete', { lsn: 3, ordinal: 2 }, successor),
    );
    expect(it.outcomes()).toEqual({ applied: 4 });
    expect(it.past()).toEqual(['3>3']);
    expect(it.appointment(mpan, 8).accepted).toBeNull();
  });

  test('delete and re-creation under one key and position: the row is there, its old version is ended', () => {
    const it = appointed().transaction(appointmentEvent(mpan, 7, 'delete', { lsn: 3, ordinal: 1 }), {
      ...appointmentEvent(mpan, 7, 'create', { lsn: 3, ordinal: 1 }, { meter_id: 'NEW' }),
      topic: topics.mss,
    });
    expect(it.appointment(mpan, 7).accepted?.items['meter_id']).toBe('NEW');
    expect(it.past()).toEqual(['2>3']);
    expect(it.outcomes()).toEqual({ applied: 4 });
  });

  test('an appointment that moves to another metering point ends at one and begins at the other', () => {
    const other = mpanOf(2);
    const it = appointed()
      .transaction(pointEvent(other, 'create', { lsn: 3 }))
      .transaction(
        appointmentEvent(mpan, 7, 'delete', { lsn: 4, ordinal: 1 }),
        appointmentEvent(other, 7, 'create', { lsn: 4, ordinal: 1 }),
      );
    expect(it.rejected()).toEqual([]);
    expect(it.appointment(mpan, 7).accepted).toBeNull();
    expect(it.appointment(other, 7).accepted).not.toBeNull();
  });
});
