import type { BreakdownLine } from '../breakdown.ts';
import { causes, escaped, number } from './html.ts';

/** What the lines can be asked by: the name in the data, and what people call it. */
const questions = [
  ['standing', 'How they stand'],
  ['rule', 'Rule or cause'],
  ['distributor', 'Distributor'],
  ['supplier', 'Supplier'],
  ['day', 'Day'],
  ['table', 'Table'],
] as const;

const shownMax = 12;

/** One line as the page has it: every question with its answers, of which a refused row may have several. */
interface Answers {
  readonly rows: number;
  readonly of: Readonly<Record<string, readonly string[]>>;
}

/** Bars by each question; a click on one keeps to what it stands for. Without a script they are all there, for everything. */
export function drillDown(breakdown: readonly BreakdownLine[]): string {
  if (breakdown.length === 0) return '<p>Every row agrees: there is nothing to look into.</p>';
  const lines = breakdown.map(answersOf);
  const panels = questions.map(
    ([name, title]) =>
      `<section class="panel"><h3>${title}</h3><ol class="bars" data-question="${name}">${bars(lines, name)}</ol></section>`,
  );
  return `<p class="hint">Rows that do not agree, counted by whom they concern. Click a bar to keep to it, and again to let go. A row that breaks two rules counts for both.</p>
<p id="kept" role="status" hidden></p>
<div class="panels">${panels.join('\n')}</div>
<script type="application/json" id="lines">${JSON.stringify(lines).replaceAll('<', '\\u003c')}</script>`;
}

const withoutRule: Partial<Record<BreakdownLine['standing'], string>> = {
  'dead-lettered': 'could not be read',
  unsent: 'too large to send',
  unverified: 'no longer on the topic',
};

function answersOf({ table, standing, cause, rules, distributor, supplier, day, rows }: BreakdownLine): Answers {
  const none = withoutRule[standing] ?? '(none)';
  const rule = cause === null ? (rules.length === 0 ? [none] : rules) : [causes[cause]];
  const one = (value: string | null): readonly string[] => [value ?? '(unknown)'];
  return {
    rows,
    of: {
      standing: [standing],
      rule,
      distributor: one(distributor),
      supplier: one(supplier),
      day: one(day),
      table: [table.replaceAll('_', ' ')],
    },
  };
}

function bars(lines: readonly Answers[], question: string): string {
  const counts = new Map<string, number>();
  for (const { rows, of } of lines)
    for (const answer of of[question] ?? []) counts.set(answer, (counts.get(answer) ?? 0) + rows);
  const byDay = question === 'day';
  const sorted = [...counts].sort(([a, more], [b, less]) =>
    byDay ? (a < b ? 1 : -1) : less - more || (a < b ? -1 : 1),
  );
  const largest = Math.max(...counts.values());
  const shown = sorted
    .slice(0, shownMax)
    .map(
      ([answer, rows]) =>
        `<li><button type="button" data-answer="${escaped(answer)}"><span class="name">${escaped(answer)}</span><span class="rows">${number(rows)}</span><span class="bar" style="width:${((rows / largest) * 100).toFixed(1)}%"></span></button></li>`,
    );
  const more = sorted.length - shown.length;
  return `${shown.join('')}${more > 0 ? `<li class="more"><button type="button" data-more>and ${number(more)} more</button></li>` : ''}`;
}

/** The same as `bars`, in the reader's browser, over the lines that are kept to. No network, no library. */
export const drillDownScript = `
const holder = document.getElementById('lines');
if (holder) {
  const lines = JSON.parse(holder.textContent), kept = {}, open = new Set(), lists = [...document.querySelectorAll('[data-question]')];
  const fits = (line, but) => Object.entries(kept).every(([q, a]) => q === but || line.of[q].includes(a));
  const draw = () => {
    for (const list of lists) {
      const q = list.dataset.question, counts = new Map();
      for (const line of lines) if (fits(line, q)) for (const a of line.of[q]) counts.set(a, (counts.get(a) || 0) + line.rows);
      const sorted = [...counts].sort((a, b) => q === 'day' ? (a[0] < b[0] ? 1 : -1) : b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
      const largest = Math.max(1, ...counts.values());
      const shown = open.has(q) ? sorted : sorted.filter(([answer], at) => at < ${shownMax} || kept[q] === answer);
      list.replaceChildren(...shown.map(([answer, rows]) => {
        const item = document.createElement('li'), button = document.createElement('button');
        const part = (name, text) => { const span = document.createElement('span'); span.className = name; span.textContent = text; button.append(span); return span; };
        button.type = 'button'; button.dataset.answer = answer;
        button.setAttribute('aria-pressed', String(kept[q] === answer));
        part('name', answer); part('rows', rows.toLocaleString('en-GB')); part('bar', '').style.width = rows / largest * 100 + '%';
        item.append(button); return item;
      }));
      if (sorted.length > shown.length) {
        const item = document.createElement('li'), button = document.createElement('button');
        item.className = 'more'; button.type = 'button'; button.dataset.more = ''; button.textContent = 'and ' + (sorted.length - shown.length) + ' more';
        item.append(button); list.append(item);
      }
    }
    const words = Object.values(kept), note = document.getElementById('kept');
    const rows = lines.reduce((sum, line) => sum + (fits(line) ? line.rows : 0), 0);
    note.hidden = words.length === 0;
    note.textContent = 'Kept to: ' + words.join(' · ') + ': ' + rows.toLocaleString('en-GB') + (rows === 1 ? ' row ' : ' rows ');
    const all = document.createElement('button');
    all.type = 'button'; all.dataset.all = ''; all.textContent = 'Show all again'; note.append(all);
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-answer], [data-more], [data-all]');
    if (!button) return;
    const q = button.closest('[data-question]')?.dataset.question, { answer, more, all } = button.dataset;
    if (all !== undefined) for (const one of Object.keys(kept)) delete kept[one];
    else if (more !== undefined) open.add(q);
    else if (kept[q] === answer) delete kept[q];
    else kept[q] = answer;
    draw();
    // The list was drawn anew: who works without a mouse goes on where they were.
    const buttons = [...document.querySelectorAll('[data-question="' + q + '"] button')];
    (buttons.find((one) => one.dataset.answer === answer) ?? buttons[0])?.focus();
  });
}`;
