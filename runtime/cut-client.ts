import type { Socket } from 'node:net';
import type pg from 'pg';

/** Closes the connection without a word to the server; what it was asked for fails at once, with the error where there is one. */
export function cutClient(client: pg.Client, error?: Error): void {
  // The connection is a field of the client that its types do not show.
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream.destroy(error);
}
