import { describe, expect, test } from 'vitest';
import { type RowSides, standingOf } from './agreement.ts';

const mpan = '1300000000011';

function sides(row: Partial<RowSides>): RowSides {
  return { key: mpan, source: null, versions: [], troubles: [], ...row };
}

const source = { digest: 'new', notOurs: false };

describe('a row', () => {
  test('that is the same on both sides agrees', () => {
    expect(standingOf(sides({ source, versions: [{ laneKey: mpan, digest: 'new' }] }))).toEqual({ kind: 'agreeing' });
  });

  test('that differs with nothing refused is open', () => {
    expect(standingOf(sides({ source, versions: [{ laneKey: mpan, digest: 'old' }] }))).toEqual({ kind: 'open' });
    expect(standingOf(sides({ source }))).toEqual({ kind: 'open' });
    expect(standingOf(sides({ versions: [{ laneKey: mpan, digest: 'old' }] }))).toEqual({ kind: 'open' });
  });

  test('whose content was refused is explained, with and without an older version in the store', () => {
    const troubles = [{ laneKey: mpan, outcome: 'rejected', digest: 'new', hasKept: false }] as const;
    expect(standingOf(sides({ source, troubles }))).toEqual({ kind: 'explained', by: 'rejected' });
    const versions = [{ laneKey: mpan, digest: 'old' }];
    expect(standingOf(sides({ source, versions, troubles }))).toEqual({ kind: 'explained', by: 'rejected' });
  });

  test('whose refused event said something else is open: a later event was lost', () => {
    const troubles = [{ laneKey: mpan, outcome: 'rejected', digest: 'between', hasKept: false }] as const;
    const versions = [{ laneKey: mpan, digest: 'old' }];
    expect(standingOf(sides({ source, versions, troubles }))).toEqual({ kind: 'open' });
  });

  test('of which a refused delete is the last event stays in the store, and is explained', () => {
    const troubles = [{ laneKey: mpan, outcome: 'held', digest: null, hasKept: false }] as const;
    const versions = [{ laneKey: mpan, digest: 'old' }];
    expect(standingOf(sides({ versions, troubles }))).toEqual({ kind: 'explained', by: 'held' });
  });

  test('that moved to another key and was refused on both is explained', () => {
    const troubles = [
      { laneKey: 'a', outcome: 'rejected', digest: null, hasKept: false },
      { laneKey: 'b', outcome: 'rejected', digest: 'new', hasKept: false },
    ] as const;
    const versions = [{ laneKey: 'a', digest: 'old' }];
    expect(standingOf(sides({ source, versions, troubles }))).toEqual({ kind: 'explained', by: 'rejected' });
  });

  test('that is not ours is explained only while the store has nothing of it', () => {
    const theirs = { digest: 'new', notOurs: true };
    expect(standingOf(sides({ source: theirs }))).toEqual({ kind: 'explained', by: 'notOurs' });
    expect(standingOf(sides({ source: theirs, versions: [{ laneKey: mpan, digest: 'old' }] }))).toEqual({
      kind: 'open',
    });
  });

  test('that is in the store twice is open', () => {
    const versions = [
      { laneKey: 'a', digest: 'new' },
      { laneKey: 'b', digest: 'new' },
    ];
    expect(standingOf(sides({ source, versions }))).toEqual({ kind: 'open' });
  });
});
