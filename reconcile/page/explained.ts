import { ruleBook } from '../../connectors/metering/rules/rule-book.ts';
import { type Difference, isUnexplained, type ReconcileReport } from '../report.ts';
import { escaped, plural, table, tableTitle } from './html.ts';

const standings = {
  rejected: 'rejected',
  held: 'held',
  'dead-lettered': 'dead-lettered',
  loading: 'loading',
} as const;

/** Rows that differ for a reason that is on record: which rules, in words, and which rows. */
export function explainedRows({ tables, differences }: ReconcileReport): string {
  const total = tables.reduce(
    (sum, { explained: { rejected, held, deadLettered, unsent, loading, unverified } }) =>
      sum + rejected + held + deadLettered + unsent + loading + unverified,
    0,
  );
  if (total === 0) return '<p>There is none.</p>';
  const elsewhere = tables.reduce((sum, { explained }) => sum + explained.notOurs, 0);
  const notOurs =
    elsewhere === 0
      ? ''
      : `<p class="hint">${plural(elsewhere, 'appointment')} of other metering services ${elsewhere === 1 ? 'is' : 'are'} in registration only, as it should be, and not listed.</p>`;
  const listed = differences.filter((one) => !isUnexplained(one));
  const more = total > listed.length ? `<p class="hint">and ${plural(total - listed.length, 'row')} more.</p>` : '';
  const columns = [{ title: 'Table' }, { title: 'Key' }, { title: 'Is' }, { title: 'Broken rules' }];
  const rows = listed.map((one) => [
    escaped(tableTitle(one.table)),
    `<code class="key">${escaped(one.key)}</code>`,
    standingOf(one),
    one.rules.map((code) => `<code class="key">${escaped(code)}</code>`).join('<br>'),
  ]);
  if (listed.length === 0)
    return `${rulesOf({ tables })}<p class="hint">${plural(total, 'row')} in all, not listed one by one.</p>${notOurs}`;
  return `${rulesOf({ tables })}
<details><summary>${plural(listed.length, 'row')}, one by one</summary>${table(columns, rows)}${more}</details>${notOurs}`;
}

function standingOf({ cause }: Difference): string {
  return cause in standings ? standings[cause as keyof typeof standings] : escaped(cause);
}

/** What the codes mean, for who does not know them. */
function rulesOf({ tables }: Pick<ReconcileReport, 'tables'>): string {
  const counts = tables
    .flatMap(({ table: name, rules }) => Object.entries(rules).map(([code, rows]) => ({ name, code, rows })))
    .sort((a, b) => b.rows - a.rows || (a.code < b.code ? -1 : 1));
  if (counts.length === 0) return '';
  const sentences = new Map(ruleBook.map(({ code, sentence }) => [code, sentence]));
  const columns = [{ title: 'Rule' }, { title: 'What it says' }, { title: 'Rows' }, { title: 'Table' }];
  const rows = counts.map(({ name, code, rows: broken }) => [
    `<code class="key">${escaped(code)}</code>`,
    escaped(sentences.get(code) ?? ''),
    `<span class="at">${plural(broken, 'row')}</span>`,
    escaped(tableTitle(name)),
  ]);
  return table(columns, rows, 'stacked');
}
