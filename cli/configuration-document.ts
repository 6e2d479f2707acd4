import { z } from 'zod';
import { settingsSchema } from './settings.ts';

/** As much of JSON Schema as zod writes. */
interface Schema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  pattern?: string;
  format?: string;
  enum?: readonly unknown[];
  const?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  propertyNames?: Schema;
  additionalProperties?: Schema | false;
  required?: readonly string[];
  anyOf?: readonly Schema[];
}

/** The JSON Schema for editors. A text may be `${NAME}` wherever it stands, so no pattern may forbid that. */
export function settingsJsonSchema(): Schema {
  const document = z.toJSONSchema(settingsSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      if (jsonSchema.type !== 'string') return;
      if (jsonSchema.pattern !== undefined) jsonSchema.pattern = `(${jsonSchema.pattern})|\\$\\{`;
      delete jsonSchema.format;
    },
  });
  return document as Schema;
}

/** `docs/configuration.md`: every setting, from the schema that validates it. */
export function configurationMarkdown(): string {
  const sections = Object.entries(settingsJsonSchema().properties ?? {}).map(([section, schema]) => {
    const required = settingsJsonSchema().required?.includes(section) === true;
    const rows = rowsOf(schema, '').map((cells) => `| ${cells.join(' | ')} |`);
    return `## \`${section}\`\n\n${schema.description ?? ''}${required ? '' : ' May be left out.'}\n\n${header}\n${rows.join('\n')}\n`;
  });
  return `${opening}\n${sections.join('\n')}`;
}

const header = '| setting | what | value | default |\n|---|---|---|---|';

function rowsOf(schema: Schema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const here = path === '' ? name : `${path}.${name}`;
    const needed = schema.required?.includes(name) === true;
    const inside = isGroup(property) ? rowsOf(property, here) : rowsOf(valueOf(property), `${here}.<name>`);
    if (isGroup(property)) return [[`\`${here}\``, cell(property.description ?? ''), 'group', ''], ...inside];
    return [
      [
        `\`${here}\``,
        cell(property.description ?? ''),
        cell(kindOf(property)),
        needed ? '**required**' : defaultOf(property),
      ],
      ...inside,
    ];
  });
}

function isGroup(schema: Schema): boolean {
  return schema.properties !== undefined;
}

/** The schema of the values of a map; one without properties where there is none. */
function valueOf(schema: Schema): Schema {
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
}

function kindOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${String(one)}\``).join(', ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (isGroup(schema)) return 'group';
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(', or ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => kindOf({ type })).join(' or ');
  switch (schema.type) {
    case 'array':
      return `list of ${kindOf(schema.items ?? {})}`;
    case 'object':
      return `map of ${namesOf(schema)} to ${kindOf(valueOf(schema))}`;
    case 'integer':
    case 'number':
      return `${schema.type === 'integer' ? 'whole number' : 'number'}${rangeOf(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'text';
    case undefined:
      return 'anything';
    default:
      return schema.type;
  }
}

function namesOf(schema: Schema): string {
  const names = schema.propertyNames?.enum;
  return names === undefined ? 'name' : names.map((one) => `\`${String(one)}\``).join(', ');
}

function rangeOf({ minimum, maximum, exclusiveMinimum }: Schema): string {
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}${bounded ? `, at most ${maximum}` : ''}`;
  if (minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER) return bounded ? ` up to ${maximum}` : '';
  return bounded ? ` from ${minimum} to ${maximum}` : ` from ${minimum}`;
}

function defaultOf(schema: Schema): string {
  return schema.default === undefined || schema.default === null ? '' : `\`${JSON.stringify(schema.default)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

const opening = `# Configuration

Made by \`concord document\` from the schema that validates the file. One YAML file, \`--config FILE\`, else \`concord.yaml\` in the
current directory; the embedded stack has its own in its data directory. \`concord.example.yaml\` is one for real servers.

- \`\${NAME}\` in a text is replaced by the environment variable NAME; one that is not set is a problem. Secrets belong there.
- Everything is validated at the start. Every problem is told at once, each with its path and the fix, and the exit code is 2.
- Editors complete and check the file with \`docs/concord.schema.json\`: begin it with
  \`# yaml-language-server: $schema=docs/concord.schema.json\`.
- \`concord check\` then looks whether the servers fit what the file says.
`;
