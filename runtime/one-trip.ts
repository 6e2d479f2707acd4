import type { ClientBase, Submittable } from 'pg';

/** A statement that is prepared on each connection once, at its first use. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface Answer {
  /** Each value as PostgreSQL's text. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** As PostgreSQL says it was done: `UPDATE 3`, `COMMIT`, `ROLLBACK`. */
  readonly done: string;
}

type Values = readonly (string | null)[];

interface Call {
  readonly statement: Statement;
  readonly values: Values;
  readonly rows: (string | null)[][];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: unknown) => void;
  readonly explain: Explain;
}

/** What a failure of a statement means. */
type Explain = (cause: unknown) => unknown;

/** What we use of pg's connection: the messages of PostgreSQL's extended query protocol. */
interface Connection {
  readonly stream: { cork(): void; uncork(): void };
  close(what: { readonly type: 'S'; readonly name: string }): void;
  parse(statement: Statement): void;
  bind(what: { readonly statement: string; readonly values: Values }): void;
  execute(what: Record<string, never>): void;
  sync(): void;
}

/**
 * Executes prepared statements together: what is called waits, and goes to the server in one write with what is called
 * until `send`, or until the connection's next query of any other kind, which comes after it. There is one wait for all of
 * them, and no description of columns, which for a handful of rows is much of what a statement costs on both ends.
 *
 * They are executed one after the other; the first that fails rejects itself and all that follow it in the same trip. Outside
 * of a transaction block they are a transaction of their own.
 */
export class OneTrip {
  private readonly query: (trip: Submittable) => unknown;
  private readonly prepared = new Set<string>();
  private waiting: Call[] = [];
  private first: { readonly why: unknown } | null = null;

  private constructor(client: ClientBase) {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    this.query = query;
    // In the order in which they were asked for, whoever asks.
    const inOrder = (...args: unknown[]): unknown => {
      this.send();
      return query(...args);
    };
    Object.assign(client, { query: inOrder });
  }

  /** One for each connection. */
  static on(client: ClientBase): OneTrip {
    let found = trips.get(client);
    if (found === undefined) {
      found = new OneTrip(client);
      trips.set(client, found);
    }
    return found;
  }

  /**
   * A failure that nobody waits for is no unhandled one: whoever called what came before or after hears of it. What the
   * statement itself is refused for is told to all of them in the words of `explain`.
   */
  call(statement: Statement, values: Values = [], explain: Explain = (cause) => cause): Promise<Answer> {
    const answer = new Promise<Answer>((resolve, reject) => {
      this.waiting.push({ statement, values, rows: [], resolve, reject, explain });
    });
    answer.catch(() => {});
    return answer;
  }

  send(): void {
    if (this.waiting.length === 0) return;
    const calls = this.waiting;
    this.waiting = [];
    this.query(
      new Trip(calls, this.prepared, (why) => {
        this.first ??= { why };
      }),
    );
  }

  /** Of a connection that is not used any more after a failure: why it failed, whatever came of it afterwards. */
  firstFailure(otherwise: unknown): unknown {
    return this.first === null ? otherwise : this.first.why;
  }
}

const trips = new WeakMap<ClientBase, OneTrip>();

/** pg's side of it: writes the messages when its turn has come, and hears the answers. */
class Trip implements Submittable {
  private readonly calls: readonly Call[];
  private readonly prepared: Set<string>;
  private readonly onFailure: (why: unknown) => void;
  private next = 0;

  constructor(calls: readonly Call[], prepared: Set<string>, onFailure: (why: unknown) => void) {
    this.calls = calls;
    this.prepared = prepared;
    this.onFailure = onFailure;
  }

  submit(connection: unknown): void {
    const { stream } = connection as Connection;
    stream.cork();
    try {
      for (const { statement, values } of this.calls) this.write(connection as Connection, statement, values);
      (connection as Connection).sync();
    } finally {
      stream.uncork();
    }
  }

  handleDataRow({ fields }: { readonly fields: (string | null)[] }): void {
    this.calls[this.next]?.rows.push(fields);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const call = this.calls[this.next];
    this.next += 1;
    call?.resolve({ rows: call.rows, done: text });
  }

  handleReadyForQuery(): void {
    this.handleError(new Error('the server has not answered every statement'));
  }

  /** Of the server, or of a connection that is gone. */
  handleError(cause: unknown): void {
    const failed = this.calls[this.next];
    if (failed === undefined) return;
    const why = failed.explain(cause);
    this.onFailure(why);
    for (const { statement, reject } of this.calls.slice(this.next)) {
      // It may not have been prepared.
      this.prepared.delete(statement.name);
      reject(why);
    }
    this.next = this.calls.length;
  }

  private write(connection: Connection, statement: Statement, values: Values): void {
    if (!this.prepared.has(statement.name)) {
      // What a trip that failed has prepared is there still; what is not there may be closed as well.
      connection.close({ type: 'S', name: statement.name });
      connection.parse(statement);
      this.prepared.add(statement.name);
    }
    connection.bind({ statement: statement.name, values });
    connection.execute({});
  }
}
