import type { SourceReport } from './report.ts';
import type { QueueListener } from './transactions.ts';

/** One batch is sent, one waits for its turn, and one is gathered: more would take memory and save no time. */
const closedBatchesMax = 2;

/** Pauses the stream while too much waits to be sent. What is not closed yet can not be waited for. */
export function pauseOver(bytesMax: number, report: SourceReport, pause: (paused: boolean) => void): QueueListener {
  return (bytes, closedBatches) => {
    report.queueBytes = bytes;
    report.paused = closedBatches >= closedBatchesMax || (closedBatches > 0 && bytes > bytesMax);
    pause(report.paused);
  };
}
