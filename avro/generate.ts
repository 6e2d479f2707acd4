import { jsonSchemaOf } from './generate-json-schema.ts';
import { typesOf } from './generate-types.ts';
import { xsdOf } from './generate-xsd.ts';
import { publishedVersions } from './published.ts';
import { loadSchema, schemaNames } from './schemas.ts';

/** A generated file; the path is within `avro/`. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** Everything that is made from the schemas. */
export function generatedFiles(): readonly GeneratedFile[] {
  return schemaNames.flatMap((name) => {
    const schema = loadSchema(name);
    return [
      { path: `generated/${name}.ts`, text: typesOf(name, schema) },
      { path: `generated/json-schema/${name}.json`, text: jsonSchemaOf(name, schema) },
      { path: `generated/xsd/${name}.xsd`, text: xsdOf(name, schema) },
    ];
  });
}

/** The next published version of every schema that was changed since its last one; each is kept for good. */
export function newVersions(): readonly GeneratedFile[] {
  return schemaNames.flatMap((name) => {
    const text = `${JSON.stringify(loadSchema(name), null, 2)}\n`;
    const newest = publishedVersions(name).at(-1);
    if (newest !== undefined && `${JSON.stringify(newest.schema, null, 2)}\n` === text) return [];
    return [{ path: `published/${name}.${(newest?.version ?? 0) + 1}.avsc`, text }];
  });
}
