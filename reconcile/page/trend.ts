import type { RunSummary } from '../history.ts';
import { chart } from './chart.ts';
import { escaped, number, plural, table } from './html.ts';

const listedMax = 12;

/** How earlier runs went, up to the one of this page. */
export function trend(runs: readonly RunSummary[], runId: number): string {
  if (runs.length < 2) return '<p>This is the first run that is kept: the trend begins with the next.</p>';
  const passed = runs.filter(({ verdict }) => verdict === 'agree').length;
  return `<p>${passed} of the last ${number(runs.length)} runs passed${tellLast(runs)}</p>
${drawings(runs)}
${list(runs, runId)}`;
}

function tellLast(runs: readonly RunSummary[]): string {
  const found = runs.findLast(({ verdict }) => verdict === 'differ');
  const failed = runs.filter(({ verdict }) => verdict === 'failed').length;
  const parts = [
    ...(found === undefined
      ? ['none found an unexplained row']
      : [`the last to find something unexplained was run ${found.id} (${plural(found.unexplained ?? 0, 'row')})`]),
    ...(failed === 0 ? [] : [`${failed} could not compare`]),
  ];
  return `; ${parts.join('; ')}.`;
}

/** Each on a scale of its own: beside thousands of explained rows an unexplained one would not be seen. */
function drawings(runs: readonly RunSummary[]): string {
  const unexplained = runs.map((run) => run.unexplained);
  const explained = runs.map((run) => run.explained);
  return `<h3>Unexplained rows, by run</h3>${drawing('Unexplained rows by run', '#b42318', runs, unexplained)}
<h3>Rows that differ for a known reason, by run</h3>${drawing('Explained rows by run', '#3b6fb6', runs, explained)}`;
}

function drawing(
  label: string,
  color: string,
  runs: readonly RunSummary[],
  values: readonly (number | null)[],
): string {
  const names = runs.map(({ id, verdict }) => (verdict === 'failed' ? `${id} ✕` : String(id)));
  return chart(label, 150, () => ({
    color: [color],
    grid: { left: 4, right: 4, top: 8, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    xAxis: { type: 'category', data: names, axisLabel: { fontSize: 12, hideOverlap: true } },
    yAxis: {
      type: 'value',
      minInterval: 1,
      // A quiet trend is an empty field, and not one of fractions.
      max: ({ max }: { max: number }) => Math.max(max, 1),
      splitNumber: 3,
      axisLabel: { fontSize: 12 },
      splitLine: { lineStyle: { color: '#e4e7ec' } },
    },
    series: [{ type: 'bar', barMaxWidth: 28, data: values }],
  }));
}

const verdicts = { agree: 'passed', differ: 'differs', failed: 'could not compare' } as const;
const scopes = { full: 'all rows', table: 'one table', since: 'what had changed' } as const;

function list(runs: readonly RunSummary[], runId: number): string {
  const rows = runs
    .toReversed()
    .slice(0, listedMax)
    .map((run) => [
      `<span class="at">${run.id}${run.id === runId ? ' (this one)' : ''}</span>`,
      `<span class="at">${run.at.slice(0, 16).replace('T', ' ')}</span>`,
      `<span class="v ${run.verdict}">${verdicts[run.verdict]}</span>${run.problem === null ? '' : ` ${escaped(run.problem)}`}`,
      scopes[run.scope],
      run.sourceRows === null ? '' : number(run.sourceRows),
      run.explained === null ? '' : number(run.explained),
      run.unexplained === null ? '' : number(run.unexplained),
    ]);
  const columns = [
    { title: 'Run' },
    { title: 'Point (UTC)' },
    { title: 'Verdict' },
    { title: 'Compared' },
    { title: 'Rows', isNumber: true },
    { title: 'Explained', isNumber: true },
    { title: 'Unexplained', isNumber: true },
  ];
  return table(columns, rows);
}
