import { databaseExplanations } from './explanations/databases.ts';
import type { Explanation } from './explanations/explanation.ts';
import { processExplanations } from './explanations/processes.ts';
import { reconcileExplanations } from './explanations/reconcile.ts';
import { referenceExplanations } from './explanations/reference.ts';
import { reportExplanations } from './explanations/report.ts';
import { sinkExplanations } from './explanations/sink.ts';
import { sourceExplanations } from './explanations/source.ts';
import { stackExplanations } from './explanations/stack.ts';
import { storeExplanations } from './explanations/store.ts';
import { tableExplanations } from './explanations/tables.ts';
import { topicExplanations } from './explanations/topics.ts';

/** What every code means and what to do, in the order of the runbook: from where a change comes to where it goes. */
export const explanationsByArea: readonly { readonly area: string; readonly explanations: readonly Explanation[] }[] = [
  { area: 'Our own processes', explanations: processExplanations },
  { area: 'Databases', explanations: databaseExplanations },
  { area: 'Source: from the database to the topics', explanations: sourceExplanations },
  { area: 'Tables that change their shape, or are paused', explanations: tableExplanations },
  { area: 'Kafka and the schema registry', explanations: topicExplanations },
  { area: 'Sink: from the topics to the store', explanations: sinkExplanations },
  { area: 'The metering store', explanations: storeExplanations },
  { area: 'Reconcile: are both sides in agreement', explanations: reconcileExplanations },
  { area: 'Reference data', explanations: referenceExplanations },
  { area: 'Reports', explanations: reportExplanations },
  { area: 'The embedded stack', explanations: stackExplanations },
];

const explanations = explanationsByArea.flatMap((one) => one.explanations);
const byCode = new Map(explanations.map((one) => [one.code, one]));

export function explanationOf(code: string): Explanation | null {
  return byCode.get(code) ?? null;
}

export function allExplanations(): readonly Explanation[] {
  return explanations;
}
