import { expect, test } from 'vitest';
import { isDeadMember, memberClientId, thisProcess } from './dead-members.ts';

const self = { host: 'here', pid: 100, run: '0123abcd' };
const dead = (): boolean => false;
const alive = (): boolean => true;

test('a member of this host whose process is gone is dead', () => {
  const clientId = memberClientId('concord-sink', { host: 'here', pid: 7, run: 'ffffffff' });
  expect(isDeadMember(clientId, dead, self)).toBe(true);
  expect(isDeadMember(clientId, alive, self)).toBe(false);
});

test('a member of an earlier run with our process id is dead, one of this run is not', () => {
  expect(isDeadMember(memberClientId('concord-sink', { ...self, run: 'ffffffff' }), alive, self)).toBe(true);
  expect(isDeadMember(memberClientId('concord-sink', self), dead, self)).toBe(false);
});

test('of a member of another host, and of one that says nothing, nothing is known', () => {
  expect(isDeadMember(memberClientId('concord-sink', { host: 'there', pid: 7, run: 'ffffffff' }), dead, self)).toBe(
    false,
  );
  expect(isDeadMember('concord-sink', dead, self)).toBe(false);
});

test('this process is alive', () => {
  expect(isDeadMember(memberClientId('concord-sink'))).toBe(false);
  expect(isDeadMember(memberClientId('concord-sink', { ...thisProcess, pid: process.ppid }))).toBe(false);
});
