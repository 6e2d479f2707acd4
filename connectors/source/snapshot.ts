import pg from 'pg';
import { databaseFault, endClient } from '../../runtime/postgres.ts';
import { ChunkCopier } from './chunk-copier.ts';
import { InitialLoad } from './initial-load.ts';
import { readingSession } from './session.ts';
import { SnapshotJobs } from './snapshot-jobs.ts';
import type { SnapshotParts } from './snapshot-parts.ts';
import { Watermarks } from './watermarks.ts';

/** Everything that is read from tables and not from the stream: the initial load, then what is asked for. */
export class Snapshots {
  readonly #parts: SnapshotParts;
  readonly #load: InitialLoad;
  readonly #jobs: SnapshotJobs;
  /** The capture shows it the stream. */
  readonly watermarks = new Watermarks();

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
    const copier = new ChunkCopier(this.watermarks, parts.streamed, parts.context.settings.limits.chunkRows);
    this.#load = new InitialLoad(parts, this.watermarks, copier);
    this.#jobs = new SnapshotJobs(parts, this.watermarks, copier);
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const client = new pg.Client(readingSession(this.#parts.database, 'concord source snapshot'));
    client.on('error', () => {});
    client.once('end', () => this.watermarks.lost());
    const stop = (): void => void endClient(client);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await client.connect();
      await this.#load.run(client, signal);
      await this.#jobs.run(client, signal);
    } catch (error) {
      if (!signal.aborted) throw databaseFault(error);
    } finally {
      signal.removeEventListener('abort', stop);
      await endClient(client);
    }
  }
}
