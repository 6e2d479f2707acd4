import { renameSync, statSync, writeFileSync } from 'node:fs';
import { csvOf } from '../reconcile/csv.ts';
import { readRuns } from '../reconcile/history.ts';
import { maskedReport } from '../reconcile/masked.ts';
import type { ReconcileSettings } from '../reconcile/settings.ts';
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
  if (csv !== undefined) writeWhole(csv, csvOf(report));
  if (html !== undefined) {
    // Drawing is half a megabyte of code that no other run needs.
    const { pageOf } = await import('../reconcile/page/page.ts');
    const runs = await readRuns(metering, source, trendRuns, runId + 1);
    writeWhole(html, pageOf({ runId, report, source, runs }));
  }
  return report;
}

/** A loop writes the same file again and again, and somebody may look at it just then: it is the old one or the new one. */
function writeWhole(file: string, text: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
    // A pipe or a device is no file to be replaced.
    writeFileSync(file, text);
    return;
  }
  const next = `${file}.next`;
  writeFileSync(next, text);
  renameSync(next, file);
}
