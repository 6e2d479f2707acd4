/** Everything that the page looks like: nothing is fetched. */
export const style = `
/* Light and dark, as the reader's device has it: on paper always light. */
:root { color-scheme: light dark; --pick: #e3ecfb; --bar: #3b6fb6; --alarm: #b42318; --head-good: #1b7a43; --head-bad: #b42318; --head-warn: #8a5a0b; --ink: #1d2433; --soft: #5b6475; --line: #e4e7ec; --paper: #fff; --wash: #f6f7f9; --good: #1b7a43; --bad: #b42318; --warn: #8a5a0b; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 30px; line-height: 1.2; margin: 4px 0 8px; }
h2 { font-size: 20px; margin: 0 0 12px; }
h3 { font-size: 15px; margin: 0 0 8px; color: var(--soft); }
p { margin: 0 0 12px; }
.hint, small { color: var(--soft); font-size: 14px; }
.verdict { border-radius: 12px; padding: 24px; color: #fff; margin-bottom: 20px; }
.verdict.agree { background: var(--head-good); } .verdict.differ { background: var(--head-bad); } .verdict.open { background: var(--head-warn); }
.verdict p { margin: 0; max-width: 70ch; } .verdict .over { opacity: .85; font-size: 14px; }
.block { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 20px; margin-bottom: 20px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-bottom: 20px; }
.fact { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
.fact b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; } .fact span { color: var(--soft); font-size: 14px; }
.fact.bad b { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 15px; } th { text-align: left; color: var(--soft); font-weight: 600; font-size: 13px; white-space: nowrap; }
th, td { padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; } tbody tr:last-child td { border-bottom: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } td.n { padding-left: 8px; }
code.key { white-space: nowrap; overflow-wrap: normal; }
code { font: 14px ui-monospace, 'SF Mono', Consolas, monospace; overflow-wrap: anywhere; }
.equation { font-variant-numeric: tabular-nums; margin: 0 0 6px; } .equation b { white-space: nowrap; }
.ok { color: var(--good); } .no { color: var(--bad); font-weight: 600; }
.v { font-weight: 600; } .v.agree { color: var(--good); } .v.differ { color: var(--bad); } .v.failed { color: var(--warn); }
.from { color: var(--soft); text-decoration: line-through; } .values { display: block; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)); gap: 20px 28px; }
.bars { list-style: none; margin: 0; padding: 0; } .bars li { margin-bottom: 4px; } .more button { color: var(--soft); font-size: 14px; text-decoration: underline; }
#kept button { border: 0; background: none; padding: 0 4px; font: inherit; color: inherit; text-decoration: underline; cursor: pointer; }
details summary { cursor: pointer; padding: 8px 0; } button:focus-visible, summary:focus-visible { outline: 2px solid var(--bar); outline-offset: 1px; }
.bars button { display: grid; grid-template-columns: 1fr auto; gap: 0 12px; width: 100%; padding: 4px 6px; border: 0; border-radius: 6px; background: none; font: inherit; font-size: 15px; text-align: left; cursor: pointer; color: inherit; }
.bars button:hover, .bars button:focus-visible { background: var(--wash); } .bars button[aria-pressed=true] { background: var(--pick); }
.bars .name { overflow-wrap: anywhere; } .bars .rows { font-variant-numeric: tabular-nums; } .bars .bar { grid-column: 1 / -1; height: 6px; border-radius: 3px; background: var(--bar); min-width: 2px; }
#kept { background: var(--pick); border-radius: 6px; padding: 6px 10px; }
.chart { margin: 0 0 12px; } .chart svg { max-width: 100%; height: auto; } .narrow { display: none; } .at { white-space: nowrap; }
footer { color: var(--soft); font-size: 14px; }
@media (max-width: 760px) { main { padding: 16px 12px 32px; } h1 { font-size: 25px; } .block { padding: 16px; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; } .stacked thead { display: none; } .stacked tr { display: block; padding: 8px 0; border-bottom: 1px solid var(--line); } .stacked td { display: block; padding: 1px 0; border: 0; } .stacked td:nth-child(3) { font-weight: 600; } .wide { display: none; } .narrow { display: block; } .facts { grid-template-columns: repeat(2, 1fr); } .fact b { font-size: 22px; } }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #a3adbd; --line: #333b48; --paper: #1b212b; --wash: #12161d; --good: #5ecb8b; --bad: #ff8a7d; --warn: #e8b45a; --pick: #24395c; --bar: #6fa3ec; --alarm: #ff8a7d; }
  .chart text { fill: var(--soft); } .chart [stroke="#e4e7ec"] { stroke: var(--line); } .chart [fill="#b42318"] { fill: var(--alarm); } .chart [fill="#3b6fb6"] { fill: var(--bar); }
}
@media print { body { background: #fff; } .block, .fact { break-inside: avoid; } .verdict { color: #000; border: 2px solid #000; background: none !important; } }
`;
