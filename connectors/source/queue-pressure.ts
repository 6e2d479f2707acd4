import type { SourceReport } from './report.ts';

/** Pauses the stream while more than `bytesMax` wait to be sent. What is not closed yet can not be waited for. */
export function pauseOver(
  bytesMax: number,
  report: SourceReport,
  pause: (paused: boolean) => void,
): (queueBytes: number, mayPause: boolean) => void {
  return (queueBytes, mayPause) => {
    report.queueBytes = queueBytes;
    report.paused = mayPause && queueBytes > bytesMax;
    pause(report.paused);
  };
}
