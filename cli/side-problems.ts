import { nowMs } from '../runtime/clock.ts';
import { explanationOf } from '../runtime/codes.ts';
import type { SideStatus } from './sides/status-document.ts';
import type { Problem } from './status-model.ts';
import { tellWal } from './status-page.ts';

/** That a value was left out is told as a problem for so long; after that `concord reconcile` counts its row. */
const leftOutShownMs = 15 * 60_000;

/** What a side's own report says that somebody should act on. */
export function problemsOfSide(name: string, side: SideStatus): readonly Problem[] {
  const found: Problem[] = [];
  for (const [leg, state] of Object.entries(side.legs)) {
    if (state.problem === null) continue;
    found.push(
      problem(
        state.problem.code,
        `${name} ${leg}: ${state.problem.text}`,
        explanationOf(state.problem.code)?.remedy ?? `See \`concord explain ${state.problem.code}\`.`,
      ),
    );
  }
  const { walProblem } = side.source;
  if (walProblem !== null && found.every(({ code }) => code !== walProblem.code)) {
    const { code, text } = walProblem;
    found.push(problem(code, `${name}: ${text}`, explanationOf(code)?.remedy ?? `See \`concord explain ${code}\`.`));
  }
  if (side.source.leftOut !== null && nowMs() - side.source.leftOut.at / 1_000 < leftOutShownMs) {
    const { text, count } = side.source.leftOut;
    found.push(
      problem(
        'VALUE_TOO_LARGE',
        `${name} source: ${text}${count > 1 ? ` It was the last of ${count}.` : ''}`,
        explanationOf('VALUE_TOO_LARGE')?.remedy ?? '',
      ),
    );
  }
  for (const { code, text, fix, changes, released } of Object.values(side.source.parked)) {
    // What somebody paused on purpose is shown, but is no problem.
    if (code === 'TABLE_PAUSED') continue;
    found.push(
      problem(code, `${text} ${changes - released} changes wait on the parked topic; other tables go on.`, fix),
    );
  }
  found.push(...side.source.findings);
  if (side.pausedSince !== null) {
    const text = `The ${name} side is paused since ${side.pausedSince.slice(0, 19)}: nothing is published or taken in, and its slot keeps ${tellWal(side.source)}.`;
    found.push(problem('SIDE_PAUSED', text, `Run \`concord resume ${name}\` when it is to go on.`));
  }
  // What is known of a leg tells more than that nothing comes through; what is parked or left out does not explain it.
  const isExplained = side.pausedSince !== null || Object.values(side.legs).some((leg) => leg.problem !== null);
  if (!isExplained && !side.healthy) {
    for (const text of side.unhealthyBecause) {
      found.push(
        problem(
          'PROBE_LATE',
          `${name}: ${text}.`,
          'Look for the first error in its log; if it only starts, ask again in a few seconds.',
        ),
      );
    }
  }
  return found;
}

export function problem(code: string, text: string, remedy: string): Problem {
  return { code, text, remedy };
}
