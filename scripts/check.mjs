// The one gate: types, lint, format, import law, dead code, in this order; all are run, the sum is told.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root } from './prepare.mjs';

checkNode();
ensureInstalled();
ensureBuilt();

const sources = 'runtime avro topics connectors reconcile cli console local bench test scripts'
  .split(' ')
  .filter((folder) => existsSync(path.join(root, folder)));
const gates = [
  { name: 'types', command: 'tsc', args: ['-p', '.'] },
  { name: 'lint', command: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'format', command: 'biome', args: ['format', '.'] },
  { name: 'import law', command: 'depcruise', args: ['--config', '.dependency-cruiser.cjs', ...sources] },
  { name: 'dead code', command: 'knip', args: ['--no-progress'] },
];
const failed = [];
for (const { name, command, args } of gates) {
  console.log(`check: ${name}`);
  const { status } = spawnSync('node_modules/.bin/' + command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.error(`check: failed: ${failed.join(', ')}`);
  process.exit(1);
}
console.log('check: all good');
