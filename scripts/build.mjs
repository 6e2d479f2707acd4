// Compiles to dist/, unless nothing has changed since the last time. `--force` compiles anyway.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { checkNode, ensureInstalled, root } from './prepare.mjs';

checkNode();
ensureInstalled();

const folders = ['avro', 'topics', 'connectors', 'reconcile', 'cli', 'console', 'runtime', 'local', 'bench'];
const stampFile = path.join(root, 'dist', '.stamp');

const hash = createHash('sha256');
for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
  hash.update(readFileSync(path.join(root, file)));
for (const folder of folders) addFolder(path.join(root, folder));
const stamp = hash.digest('hex');

if (!process.argv.includes('--force') && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp)
  process.exit(0);
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
for (const folder of folders) copySql(folder);
execFileSync(
  process.execPath,
  [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', path.join(root, 'tsconfig.build.json')],
  { stdio: 'inherit' },
);
// `npx concord` runs the file itself, and npm makes it executable only the first time.
chmodSync(path.join(root, 'dist', 'cli', 'concord.js'), 0o755);
writeFileSync(stampFile, stamp);

function addFolder(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) addFolder(file);
    else if (/\.(ts|sql)$/.test(entry.name)) hash.update(file.slice(root.length)).update(readFileSync(file));
  }
}

/** SQL stands beside the module that runs it, in dist/ too. */
function copySql(folder) {
  const from = path.join(root, folder);
  if (!existsSync(from)) return;
  for (const entry of readdirSync(from, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.sql')) continue;
    const relative = path.relative(root, path.join(entry.parentPath, entry.name));
    mkdirSync(path.join(root, 'dist', path.dirname(relative)), { recursive: true });
    copyFileSync(path.join(root, relative), path.join(root, 'dist', relative));
  }
}
