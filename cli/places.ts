import type { SourceSettings, TableRoute } from '../connectors/source/contract.ts';
import { tableName } from '../connectors/source/route-columns.ts';
import type { DatabaseSettings } from '../runtime/postgres.ts';
import { generatedSchemas } from './generated-schemas.ts';
import { UsageError } from './output.ts';
import type { Settings } from './settings.ts';
import { meteringSourceOf, registrationSourceOf } from './sides/settings-of.ts';

/** A source of this configuration, with its database. */
export interface Place {
  readonly source: SourceSettings;
  readonly database: DatabaseSettings;
}

export async function placesOf(settings: Settings): Promise<readonly Place[]> {
  const generated = await generatedSchemas(settings);
  return [
    { source: registrationSourceOf(settings, generated), database: settings.registration.database },
    { source: meteringSourceOf(settings), database: settings.metering.database },
  ];
}

/** The table by its name, with or without its schema, or by its entity. */
export async function findRoute(settings: Settings, name: string): Promise<{ place: Place; route: TableRoute }> {
  const places = await placesOf(settings);
  const all = places.flatMap((place) => place.source.routes.map((route) => ({ place, route })));
  const found = all.filter(({ route }) => [tableName(route), route.table, route.entity].includes(name));
  const [first] = found;
  const names = (some: typeof all): string => some.map(({ route }) => tableName(route)).join(', ');
  if (first === undefined) throw new UsageError(`There is no published table ${name}. There are ${names(all)}.`);
  if (found.length > 1) throw new UsageError(`${name} is the name of several tables; say which: ${names(found)}.`);
  return first;
}
