import { execFileSync, spawnSync } from 'node:child_process';
import { Fault } from '../runtime/fault.ts';

/** A user of the operating system, by number. */
export interface SystemUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The user that PostgreSQL must run as: null for the one who starts it. PostgreSQL refuses to run as root, so then it is
 * `postgres`, who is made if missing.
 */
export function databaseUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const user = lookUp('postgres') ?? create('postgres');
  if (user !== null) return user;
  throw new Fault(
    'misconfigured',
    'DATABASE_USER_MISSING',
    'PostgreSQL does not run as root, and there is no user `postgres` and none could be made. ' +
      'Start as an ordinary user, or make one: useradd --system postgres.',
  );
}

/** True if the user can enter the directory, through all its parents. */
export function canReach(user: SystemUser | null, directory: string): boolean {
  if (user === null) return true;
  // Asked of the system, as that user: modes, access lists and mount options all count.
  return spawnSync('/bin/sh', ['-c', 'cd "$0"', directory], { ...user, cwd: '/', stdio: 'ignore' }).status === 0;
}

function lookUp(name: string): SystemUser | null {
  try {
    const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

function create(name: string): SystemUser | null {
  spawnSync('groupadd', ['--system', name], { stdio: 'ignore' });
  spawnSync('useradd', ['--system', '--no-create-home', '-g', name, name], { stdio: 'ignore' });
  return lookUp(name);
}
