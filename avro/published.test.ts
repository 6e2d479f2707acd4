import { describe, expect, test } from 'vitest';
import { conflictsBetween } from './compatibility.ts';
import { publishedVersions } from './published.ts';
import { loadSchema, schemaNames } from './schemas.ts';

describe.each(schemaNames)('%s', (name) => {
  const versions = publishedVersions(name);

  test('goes together with every version that was ever published, in both directions', () => {
    expect(
      versions.flatMap(({ version, schema }) =>
        conflictsBetween(schema, loadSchema(name)).map((conflict) => ({ version, ...conflict })),
      ),
    ).toEqual([]);
  });

  test('is itself the newest published version, and none is missing', () => {
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, index) => index + 1));
    expect(versions.at(-1)?.schema).toEqual(loadSchema(name));
  });
});
