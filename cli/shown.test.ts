import { expect, test } from 'vitest';
import { shown, shownHex, shownKey } from './shown.ts';

const mpan = '1300000000017';

test('an MPAN core is masked wherever it stands, and numbers stay numbers', () => {
  const event = { mpan_core: '13001', note: `about ${mpan}`, source: { lsn: 12_345_678_901 }, list: [mpan], at: null };
  expect(shown(event, false)).toEqual({
    mpan_core: '*****',
    note: 'about 13*********17',
    source: { lsn: 12_345_678_901 },
    list: ['13*********17'],
    at: null,
  });
  expect(shown(event, true)).toBe(event);
});

test('a key that should be an MPAN core is masked even if it is none; a reserved key is not', () => {
  expect(shownKey('13ABCDE17', true, false)).toBe('13*****17');
  expect(shownKey('__truncate__', true, false)).toBe('__truncate__');
  expect(shownKey('DEVICE00001', false, false)).toBe('DEVICE00001');
});

test('bytes are masked before they are hexadecimal, so that digits of their own are left alone', () => {
  const bytes = Buffer.concat([Buffer.from([0x12, 0x34, 0x56, 0x78, 0x90, 0x12]), Buffer.from(mpan)]);
  expect(shownHex(bytes, false)).toBe(`123456789012${Buffer.from('13*********17').toString('hex')}`);
  expect(shown({ hex: '123456789012' }, false)).toEqual({ hex: '123456789012' });
  expect(shownHex(bytes, true)).toBe(bytes.toString('hex'));
});
