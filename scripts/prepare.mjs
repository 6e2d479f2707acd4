// What every npm script of ours needs before it can run on a fresh clone. Plain Node, no package.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `Concord needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer Node and run the command again.`,
  );
  process.exit(2);
}

/** Installs what the lock file says, unless that is there. */
export function ensureInstalled() {
  const stampFile = path.join(root, 'node_modules', '.concord-lock');
  const stamp = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  console.error('Installing packages (once; a minute at the most) …');
  const env = { ...process.env };
  for (const key of Object.keys(env)) if (key.startsWith('npm_')) delete env[key];
  const flags = ['--no-audit', '--no-fund', '--loglevel=error'];
  // `npm ci` demands to see the builds for all other platforms, which a mirror may lack; `npm install` keeps to the same
  // lock file and does without them. What is wrong with both is told by the second.
  const installed = spawnSync('npm', ['ci', ...flags], { cwd: root, stdio: 'ignore', env });
  if (installed.status !== 0) run('npm', ['install', ...flags], env);
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

export function ensureBuilt() {
  run(process.execPath, [path.join(root, 'scripts', 'build.mjs')]);
}

/** Runs to the end with our own input and output; a failure ends this process with the same code. */
export function run(command, args, env = process.env) {
  try {
    execFileSync(command, args, { cwd: root, stdio: 'inherit', env });
  } catch (error) {
    process.exit(typeof error.status === 'number' ? error.status : 1);
  }
}
