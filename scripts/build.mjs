// Compiles to dist/, unless nothing has changed since the last time. `--force` compiles anyway.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folders = ['avro', 'topics', 'connectors', 'reconcile', 'cli', 'console', 'runtime', 'local'];
const stampFile = path.join(root, 'dist', '.stamp');

const hash = createHash('sha256');
for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'])
  hash.update(readFileSync(path.join(root, file)));
for (const folder of folders) addFolder(path.join(root, folder));
const stamp = hash.digest('hex');

if (!process.argv.includes('--force') && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp)
  process.exit(0);
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
execFileSync(
  process.execPath,
  [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', path.join(root, 'tsconfig.build.json')],
  { stdio: 'inherit' },
);
mkdirSync(path.dirname(stampFile), { recursive: true });
writeFileSync(stampFile, stamp);

function addFolder(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) addFolder(file);
    else if (entry.name.endsWith('.ts')) hash.update(file.slice(root.length)).update(readFileSync(file));
  }
}
