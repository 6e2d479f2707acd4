import { readFile } from 'node:fs/promises';
import type { ClientBase } from 'pg';

/**
 * Makes the schema `registration` with its five tables where they do not exist; running it again changes nothing.
 * The SQL stands beside this module, in the source tree and in the built one alike.
 */
export async function createRegistrationSchema(client: Pick<ClientBase, 'query'>): Promise<void> {
  await client.query(await registrationSchemaSql());
}

/** The statements of `schema.sql`, for `init --plan` and for people. */
export async function registrationSchemaSql(): Promise<string> {
  return readFile(new URL('./schema.sql', import.meta.url), 'utf8');
}
