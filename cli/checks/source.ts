import { checkSource } from '../../connectors/source/preflight.ts';
import type { SourceSettings } from '../../connectors/source/contract.ts';
import { clientConfigOf, type DatabaseSettings } from '../../runtime/postgres.ts';
import type { Finding } from './finding.ts';

/** The tables that `concord init` makes: where they are missing, that is told once, by the check of the store. */
const ownSchemas = new Set(['concord', 'inbox', 'metering']);

/** Server, slot, publication and tables of a source. */
export async function checkSourceOf(
  place: string,
  database: DatabaseSettings,
  source: SourceSettings,
  storeComplete: boolean,
): Promise<readonly Finding[]> {
  const routes = storeComplete ? source.routes : source.routes.filter((route) => !ownSchemas.has(route.schema));
  const found = await checkSource(clientConfigOf(database, 'concord check'), { ...source, routes });
  return found.map((one) => ({ place, ...one }));
}
