import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { SourceAddresses } from './source.fixture.ts';

/** The compiled child: Node 20 does not run TypeScript. It lies under node_modules, where its packages are found. */
export interface CompiledChild {
  readonly file: string;
  remove(): void;
}

export function compileChild(): CompiledChild {
  const root = resolve(import.meta.dirname, '../..');
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true });
  const directory = mkdtempSync(join(root, 'node_modules/.cache/source-'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(directory, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: { noEmit: false, noCheck: true, outDir: directory, rootDir: root },
      files: [join(root, 'connectors/source/source-child.fixture.ts')],
      include: [],
      exclude: [],
    }),
  );
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', directory], {
    stdio: 'inherit',
  });
  return {
    file: join(directory, 'connectors/source/source-child.fixture.js'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export interface ChildState {
  readonly watermark: number;
  readonly loadComplete: boolean;
}

/** One run of the child. */
export class SourceProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<NodeJS.Signals | number | null>;
  #state: ChildState = { watermark: 0, loadComplete: false };
  #heard: () => void = () => {};

  constructor(compiled: CompiledChild, addresses: SourceAddresses, failpoint?: { name: string; times: number }) {
    const points = failpoint === undefined ? [] : [failpoint.name, String(failpoint.times)];
    this.#child = fork(compiled.file, [JSON.stringify(addresses), ...points]);
    this.#child.on('message', (state) => {
      this.#state = state as ChildState;
      this.#heard();
    });
    this.#ended = new Promise((done) => {
      this.#child.on('exit', (code, signal) => {
        done(signal ?? code);
        this.#heard();
      });
    });
  }

  /** The signal that ended it, or the exit code. */
  ended(): Promise<NodeJS.Signals | number | null> {
    return this.#ended;
  }

  async until(holds: (state: ChildState) => boolean): Promise<void> {
    while (!holds(this.#state)) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error('the child has ended');
      await new Promise<void>((done) => {
        this.#heard = done;
      });
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
