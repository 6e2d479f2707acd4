import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordSchema, SchemaName } from './schemas.ts';
import { avroDirectory, parseSchema } from './schemas.ts';

/** A version that is on main: sooner or later there are values of it on a topic. */
export interface PublishedVersion {
  readonly version: number;
  readonly schema: RecordSchema;
}

/**
 * Every version of a schema that was ever on main, oldest first: `avro/published/<name>.<version>.avsc`. They are kept
 * for good, because a topic keeps values for years.
 */
export function publishedVersions(name: SchemaName): readonly PublishedVersion[] {
  const directory = join(avroDirectory(), 'published');
  return readdirSync(directory)
    .flatMap((file) => {
      const [base, version, ending] = file.split('.');
      return base === name && ending === 'avsc' ? [{ file, version: Number(version) }] : [];
    })
    .sort((a, b) => a.version - b.version)
    .map(({ file, version }) => ({ version, schema: parseSchema(readFileSync(join(directory, file), 'utf8')) }));
}
