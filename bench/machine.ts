import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { checkoutDirectory } from '../local/checkout.ts';

/** What the figures were measured on. No names of machines. */
export function describeMachine(): Readonly<Record<string, string | number>> {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
  };
}

export function currentCommit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, {
        cwd: checkoutDirectory,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '-uno') === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown';
  }
}
