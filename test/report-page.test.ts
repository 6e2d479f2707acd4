import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { evidence, report } from '../reconcile/page/evidence.fixture.ts';
import { pageOf } from '../reconcile/page/page.ts';

const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);

const many = Array.from({ length: 15 }, (_, n) => ({
  table: 'metering_point',
  standing: 'rejected' as const,
  cause: null,
  rules: ['GSP_GROUP_UNKNOWN', ...(n === 14 ? ['MPID_FORMAT'] : [])],
  distributor: 'MANW',
  supplier: `SU${String(n).padStart(2, '0')}`,
  day: '2026-03-28',
  rows: 20 - n,
}));
const one = {
  table: 'appointment',
  standing: 'unexplained' as const,
  cause: 'missing' as const,
  rules: [],
  distributor: 'EELC',
  supplier: null,
  day: null,
  rows: 1,
};

/** A reader who clicks. `act` is the body of a function in the page; what it returns is what they saw. */
function seen(directory: string, width: number, act: string): unknown {
  const page = pageOf({ ...evidence, report: report({ breakdown: [...many, one] }) });
  const file = path.join(directory, 'page.html');
  const reader = `<script>
    const bar = (question, answer) => document.querySelector('[data-question="' + question + '"] [data-answer="' + answer + '"]');
    const bars = (question) => [...document.querySelectorAll('[data-question="' + question + '"] [data-answer]')].map((one) => one.dataset.answer + ' ' + one.querySelector('.rows').textContent);
    const kept = () => document.getElementById('kept').hidden ? null : document.getElementById('kept').textContent;
    const result = (() => { ${act} })();
    document.title = 'seen ' + JSON.stringify(result);
  </script>`;
  writeFileSync(file, page.replace('</body>', `${reader}</body>`));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${path.join(directory, 'profile')}`];
  const dom = execFileSync(browser ?? '', [...flags, `--window-size=${width},900`, '--dump-dom', `file://${file}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 60_000,
  });
  const title = /<title>seen (.*?)<\/title>/s.exec(dom)?.[1];
  if (title === undefined) throw new Error(dom.slice(0, 500));
  return JSON.parse(title.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&'));
}

describe.skipIf(browser === undefined)('in a browser, the page about a run', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'concord-page-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('keeps to what is clicked, counts it, shows what is beyond the first, and lets go', () => {
    const story = seen(
      directory,
      1200,
      `const said = {};
       said.before = [kept(), bars('supplier').length, bars('standing')];
       bar('rule', 'MPID_FORMAT').click();
       said.rule = [kept(), bars('supplier'), document.activeElement.dataset.answer];
       bar('rule', 'MPID_FORMAT').click();
       said.letGo = [kept(), bars('supplier').length];
       document.querySelector('[data-question="supplier"] [data-more]').click();
       said.more = bars('supplier').length;
       bar('standing', 'rejected').click(); bar('supplier', 'SU03').click();
       said.both = [kept(), bars('rule'), bar('supplier', 'SU03').getAttribute('aria-pressed')];
       document.querySelector('[data-all]').click();
       said.after = [kept(), bars('standing')];
       return said;`,
    );
    expect(story).toEqual({
      before: [null, 12, ['rejected 195', 'unexplained 1']],
      rule: ['Kept to: MPID_FORMAT: 6 rows Show all again', ['SU14 6'], 'MPID_FORMAT'],
      letGo: [null, 12],
      more: 16,
      both: ['Kept to: rejected · SU03: 17 rows Show all again', ['GSP_GROUP_UNKNOWN 17'], 'true'],
      after: [null, ['rejected 195', 'unexplained 1']],
    });
  });

  test('is never wider than the window, on a desk and on a telephone', () => {
    for (const width of [500, 800, 1200]) {
      const overflow = 'return document.documentElement.scrollWidth - document.documentElement.clientWidth;';
      expect([width, seen(directory, width, overflow)]).toEqual([width, 0]);
    }
  });

  test('has letters that can be read on what is behind them, in the light and in the dark', () => {
    const contrast = `
      const light = (color) => { const [r, g, b] = color.match(/[\\d.]+/g).map((n) => { const c = n / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const behind = (element) => { for (let one = element; one; one = one.parentElement) { const color = getComputedStyle(one).backgroundColor; if (!/, 0\\)$/.test(color)) return color; } return 'rgb(255, 255, 255)'; };
      const style = document.createElement('style');
      if (DARK) { style.textContent = [...document.styleSheets[0].cssRules].filter((rule) => rule.media?.mediaText.includes('dark')).flatMap((rule) => [...rule.cssRules]).map((rule) => rule.cssText).join(' '); document.head.append(style); }
      return [...document.querySelectorAll('h1, h2, h3, p, td, th, dt, dd, .rows, .name, .ok, .no, .v, small, footer')].filter((one) => one.textContent.trim() !== '').map((one) => { const a = light(getComputedStyle(one).color), b = light(behind(one)); return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.className || one.tagName]; }).filter(([ratio]) => ratio < 4.5);`;
    for (const isDark of [false, true]) {
      expect([isDark, seen(directory, 1200, contrast.replace('DARK', String(isDark)))]).toEqual([isDark, []]);
    }
  });
});
