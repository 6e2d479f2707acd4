import { writeFileSync } from 'node:fs';
import { csvOf } from '../reconcile/csv.ts';
import { readRuns } from '../reconcile/history.ts';
import { maskedReport } from '../reconcile/masked.ts';
import type { ReconcileSettings } from '../reconcile/point-view.ts';
import type { ReconcileReport } from '../reconcile/report.ts';
import type { ReconcileOptions } from './reconcile-options.ts';
import type { KeptRun } from './reconcile-run.ts';

/** Runs that the trend of a page goes back. */
const trendRuns = 60;

/** Writes the files that were asked for; answers with the report as it may be shown. */
export async function writeFiles(
  { metering, source }: Pick<ReconcileSettings, 'metering' | 'source'>,
  { reveal, csv, html }: Pick<ReconcileOptions, 'reveal' | 'csv' | 'html'>,
  { runId, proof }: Pick<KeptRun, 'runId'> & { readonly proof: { readonly report: ReconcileReport } },
): Promise<ReconcileReport> {
  const report = reveal === true ? proof.report : maskedReport(proof.report);
  if (csv !== undefined) writeFileSync(csv, csvOf(report));
  if (html !== undefined) {
    // Drawing is half a megabyte of code that no other run needs.
    const { pageOf } = await import('../reconcile/page/page.ts');
    const runs = await readRuns(metering, source, trendRuns, runId + 1);
    writeFileSync(html, pageOf({ runId, report, source, runs }));
  }
  return report;
}
