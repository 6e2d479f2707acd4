import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * When the process with this pid began, as an opaque text; null if there is none, or only its exit status is left.
 *
 * A pid alone does not name a process: the system uses pids again, after a restart of the machine for certain. A pid
 * together with its beginning does.
 */
export function beginningOf(pid: number): string | null {
  return process.platform === 'linux' ? beginningFromProc(pid) : beginningFromPs(pid);
}

function beginningFromProc(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the program's name in brackets, which may itself hold blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const ticksSinceBoot = fields[19];
  if (state === undefined || ticksSinceBoot === undefined || state === 'Z' || state === 'X') return null;
  return `${bootId()}:${ticksSinceBoot}`;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function beginningFromPs(pid: number): string | null {
  try {
    const [state, ...began] = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    return state === undefined || state === '' || state.startsWith('Z') ? null : began.join(' ');
  } catch {
    return null;
  }
}
