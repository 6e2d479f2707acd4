import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../test/rig.fixture.ts';

const program = path.resolve(import.meta.dirname, '../dist/cli/concord.js');

/** What a loop says of one run. */
export interface LoopDocument {
  readonly run?: number;
  readonly verdict: 'agree' | 'differ' | 'failed';
  readonly point?: { readonly at: string; readonly lsn: string };
  readonly code?: string;
  readonly text?: string;
  readonly kept?: boolean;
  readonly nextInMs?: number;
}

/** `concord reconcile --every … --json` as a process of its own. */
export class LoopProcess {
  readonly child: ChildProcess;
  readonly documents: LoopDocument[] = [];
  stderr = '';

  constructor(configurationFile: string, ...options: readonly string[]) {
    this.child = spawn(process.execPath, [program, 'reconcile', '--json', '--config', configurationFile, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error('the loop has no output');
    createInterface({ input: stdout }).on('line', (line) => this.documents.push(JSON.parse(line) as LoopDocument));
    stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  /** The next run that satisfies, of those that end from now on. */
  async next(what: string, satisfied: (document: LoopDocument) => boolean): Promise<LoopDocument> {
    const from = this.documents.length;
    const found = await until(
      what,
      async () => this.documents.slice(from).find(satisfied) ?? this.documents.at(-1),
      (document) => document !== undefined && this.documents.length > from && satisfied(document),
    );
    if (found === undefined) throw new Error(what);
    return found;
  }

  /** Ctrl-C, and its exit code. */
  async interrupt(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    const gone = once(this.child, 'close');
    this.child.kill('SIGINT');
    const [status] = (await gone) as [number | null];
    return status;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await gone;
  }
}
