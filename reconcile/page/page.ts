import type { RunSummary } from '../history.ts';
import { type Difference, isUnexplained, type ReconcileReport, type TableReport } from '../report.ts';
import { parseSnapshot } from '../visibility.ts';
import { drillDown, drillDownScript } from './drill-down.ts';
import { explainedRows } from './explained.ts';
import { causes, escaped, moment, number, plural, table, tableTitle } from './html.ts';
import { style } from './style.ts';
import { trend } from './trend.ts';

/** What a page is made of. The same evidence always gives the same page, to the letter. */
export interface Evidence {
  readonly runId: number;
  /** As it may be shown: masked, unless somebody may see more. */
  readonly report: ReconcileReport;
  /** The source's name. */
  readonly source: string;
  /** Earlier runs, and this one last. */
  readonly runs: readonly RunSummary[];
}

/** One self-contained HTML page about one run, the verdict first. */
export function pageOf(evidence: Evidence): string {
  const { report, runId, runs } = evidence;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${escaped(titleOf(report))} · reconciliation ${runId}</title>
<style>${style}</style>
</head>
<body><main>
${verdict(evidence)}
${facts(report)}
${block('What was compared', compared(evidence))}
${block('The equations', equations(report))}
${block('Unexplained rows', unexplained(report))}
${block('Rows with a known reason', explainedRows(report))}
${block('Looking into it', drillDown(report.breakdown))}
${block('Trend', trend(runs, runId))}
${block('How to read this', reading)}
<footer>Concord ${escaped(report.version)} · run ${runId} · the comparison took ${report.seconds.toFixed(1)} s</footer>
</main>
<script>${drillDownScript}
</script>
</body>
</html>
`;
}

function block(title: string, content: string): string {
  return `<section class="block"><h2>${title}</h2>\n${content}\n</section>`;
}

function sum(tables: readonly TableReport[], of: (table: TableReport) => number): number {
  return tables.reduce((total, one) => total + of(one), 0);
}

function titleOf({ verdict: word, closes }: ReconcileReport): string {
  if (word === 'differ') return 'The two sides differ';
  return closes ? 'The two sides agree' : 'The rows agree, but not every event is accounted for';
}

function verdict({ report }: Evidence): string {
  const { verdict: word, closes, tables, point } = report;
  const open = sum(tables, (one) => one.unexplained);
  const explained = sum(tables, (one) => one.source.explained + one.store.explained);
  const kind = word === 'differ' ? 'differ' : closes ? 'agree' : 'open';
  const text =
    word === 'differ'
      ? `Nothing explains ${plural(open, 'row')}: the registration database and the metering store do not say the same. They are listed below; <code>concord reconcile --repair</code> shows what would correct them.`
      : `Every row of the registration database and of the metering store was accounted for: it is the same on both sides${explained === 0 ? '' : ', or its difference has a reason that is on record'}.`;
  return `<header class="verdict ${kind}"><p class="over">Reconciliation at ${escaped(moment(point.at))}</p>
<h1>${escaped(titleOf(report))}</h1><p>${text}</p></header>`;
}

function facts({ tables, events }: ReconcileReport): string {
  const explained = sum(tables, (one) => Object.values(one.explained).reduce((total, rows) => total + rows, 0));
  const open = sum(tables, (one) => one.unexplained);
  const all: readonly (readonly [string, string, boolean])[] = [
    [number(sum(tables, (one) => one.sourceRows)), 'rows in registration', false],
    [number(sum(tables, (one) => one.storeRows)), 'rows in metering', false],
    [number(sum(tables, (one) => one.agreeing)), 'agree', false],
    [number(explained), 'differ for a known reason', false],
    [number(open), 'unexplained', open > 0],
    [
      number(events.captured),
      `events, ${events.closes ? 'all accounted for' : 'NOT all accounted for'}`,
      !events.closes,
    ],
  ];
  return `<div class="facts">${all
    .map(([value, name, bad]) => `<div class="fact${bad ? ' bad' : ''}"><b>${value}</b><span>${name}</span></div>`)
    .join('')}</div>`;
}

function compared({ report, source }: Evidence): string {
  const { point, tables, version, lookedAgain } = report;
  const { inProgress } = parseSnapshot(point.snapshot, point.generation);
  const proved = tables.flatMap(({ table: name, verifiedThrough }) =>
    verifiedThrough === null ? [] : [`${escaped(tableTitle(name))} <code>${verifiedThrough}</code>`],
  );
  const lines: readonly (readonly [string, string])[] = [
    ['Sides', `the registration database (source <code>${escaped(source)}</code>) and the metering store`],
    ['Tables', tables.map((one) => escaped(tableTitle(one.table))).join(', ')],
    ['When', escaped(moment(point.at))],
    [
      'At which point',
      `LSN <code>${point.lsn}</code>, snapshot <code>${escaped(point.snapshot)}</code> (${plural(inProgress.length, 'transaction')} in progress), generation ${point.generation}`,
    ],
    [
      'Proved equal through',
      proved.length === 0
        ? 'nothing by this run'
        : `${proved.join(', ')}${proved.length < tables.length ? '; the others not by this run' : ''}`,
    ],
    ['How', howCompared(report)],
    ...(lookedAgain === 0
      ? []
      : [['Looked at again', `${plural(lookedAgain, 'row')} that did not agree at first, at a later point`] as const]),
    ['By', `Concord ${escaped(version)}`],
  ];
  return `<dl>${lines.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('\n')}</dl>
<p class="hint" style="margin-top:12px">Both sides went on changing. The point is one snapshot of the registration database; the store was read as it stood for exactly that snapshot, so that what is only on its way is no difference.</p>`;
}

function howCompared({ since = null, wholeBecause, everyPageBecause }: ReconcileReport): string {
  if (since === null) {
    return `every row on both sides${wholeBecause === undefined ? '' : `, because ${escaped(wholeBecause)}`}`;
  }
  const { run, at, looked, pages = null } = since;
  const every = everyPageBecause === undefined ? '' : `; every page was read, because ${escaped(everyPageBecause)}`;
  const base = `what was written on either side since run ${run} (${escaped(moment(at))}), which passed`;
  if (pages === null) {
    return `${base}: ${plural(looked, 'row')} looked at; the rest has the same keys on both sides and was not written since${every}`;
  }
  const closely = looked === 0 ? '' : `; ${plural(looked, 'row')} looked at one by one`;
  return `${base}: ${number(pages.read)} of ${plural(pages.of, 'page')} read, and of the others the digests of rows are known${closely}${every}`;
}

const explanationNames = {
  rejected: 'Rejected',
  held: 'Held',
  deadLettered: 'Dead-lettered',
  notOurs: 'Not ours',
  loading: 'Loading',
  unsent: 'Too large to send',
  parked: 'Parked: waits to be resumed',
  unverified: 'Not verified: the topic no longer has the good event',
} as const;

function equations(report: ReconcileReport): string {
  const { tables, events } = report;
  // A reason that no row has is a column of zeros, which pushes the others out of the window.
  const reasons = (Object.keys(explanationNames) as (keyof typeof explanationNames)[]).filter((name) =>
    tables.some((one) => one.explained[name] > 0),
  );
  const titles = ['Unexplained', 'In registration', 'In metering', 'Agree'];
  const columns = [
    { title: 'Table' },
    ...[...titles, ...reasons.map((name) => explanationNames[name])].map((title) => ({ title, isNumber: true })),
    { title: 'Closes' },
  ];
  const rows = tables.map((one) => [
    escaped(tableTitle(one.table)),
    // First, so that a narrow window has it without being moved.
    one.unexplained === 0 ? '0' : `<span class="no">${number(one.unexplained)}</span>`,
    number(one.sourceRows),
    number(one.storeRows),
    number(one.agreeing),
    ...reasons.map((name) => number(one.explained[name])),
    one.closes ? '<span class="ok">yes</span>' : '<span class="no">NO</span>',
  ]);
  const side = (name: string, total: number, of: 'source' | 'store'): string =>
    `<p class="equation"><b>${name} ${number(total)}</b> = ${number(sum(tables, (one) => one[of].agreeing))} agreeing + ${number(sum(tables, (one) => one[of].explained))} explained + ${number(sum(tables, (one) => one[of].unexplained))} unexplained</p>`;
  return `${table(columns, rows)}
<div style="margin-top:16px">
${side(
  'Rows in registration',
  sum(tables, (one) => one.sourceRows),
  'source',
)}
${side(
  'Rows in metering',
  sum(tables, (one) => one.storeRows),
  'store',
)}
<p class="equation"><b>Events captured ${number(events.captured)}</b> = ${number(events.applied)} applied + ${number(events.unchanged)} unchanged + ${number(events.superseded)} superseded + ${number(events.rejected)} rejected + ${number(events.held)} held + ${number(events.deadLettered)} dead-lettered + ${number(events.notOurs)} not ours + ${number(events.inFlight)} on their way</p>
<p class="equation">${report.closes ? '<span class="ok">All three close.</span>' : '<span class="no">They do not all close.</span>'}</p>
</div>`;
}

function unexplained({ tables, differences }: ReconcileReport): string {
  const open = sum(tables, (one) => one.unexplained);
  if (open === 0) return '<p>There is none.</p>';
  const shown = differences.filter(isUnexplained);
  const columns = [
    { title: 'Table' },
    { title: 'Key' },
    { title: 'Cause' },
    { title: 'In registration → in metering' },
  ];
  const rows = shown.map((one) => [
    escaped(tableTitle(one.table)),
    `<code class="key">${escaped(one.key)}</code>`,
    escaped(causes[one.cause]),
    valuesOf(one),
  ]);
  const more = open > shown.length ? `<p class="hint">and ${plural(open - shown.length, 'row')} more.</p>` : '';
  return `${table(columns, rows, 'stacked')}${more}`;
}

function valuesOf({ items, values }: Difference): string {
  if (items.length === 0) return 'the whole row';
  return items
    .map((item) => {
      const { registration = null, metering = null } = values[item] ?? {};
      return `<span class="values"><code>${escaped(item)}</code> ${escaped(registration ?? 'empty')} → ${escaped(metering ?? 'empty')}</span>`;
    })
    .join('');
}

const reading = `<dl>
<dt>Agree</dt><dd>The row has the same content on both sides.</dd>
<dt>Rejected</dt><dd>The last change of the row breaks a rule and was refused; the store keeps the last good version, and registration was told why.</dd>
<dt>Held</dt><dd>The last change waits for something that may still arrive, such as reference data.</dd>
<dt>Dead-lettered</dt><dd>The last change could not be read, and is kept aside.</dd>
<dt>Not ours</dt><dd>An appointment of another metering service: it belongs in registration only.</dd>
<dt>Loading</dt><dd>The initial load has not come to the row yet.</dd>
<dt>Unexplained</dt><dd>None of these. It is either a fault, or somebody changed the store by hand.</dd>
</dl>`;
