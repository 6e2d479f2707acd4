// Makes types, JSON Schema and XSD from avro/schemas/*.avsc, and keeps each new version of a schema in avro/published/.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ensureBuilt, ensureInstalled, root } from './prepare.mjs';

ensureInstalled();
ensureBuilt();
const { generatedFiles, newVersions } = await import(path.join(root, 'dist/avro/generate.js'));

const files = generatedFiles();
const versions = newVersions();
const folder = path.join(root, 'avro');
const wanted = new Set(files.map((file) => path.join(folder, file.path)));
for (const { path: file, text } of [...files, ...versions]) {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}
for (const entry of readdirSync(path.join(folder, 'generated'), { withFileTypes: true, recursive: true })) {
  const file = path.join(entry.parentPath, entry.name);
  if (entry.isFile() && !wanted.has(file)) rmSync(file);
}
process.stdout.write(`${files.length} files generated, ${versions.length} new versions published\n`);
