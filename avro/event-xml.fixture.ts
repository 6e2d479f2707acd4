import { create } from 'xmlbuilder2';
import { namespaceOf } from './generate-xsd.ts';
import { plainValue } from './plain.ts';
import type { RecordSchema } from './schemas.ts';

/** A decoded value as the XML document that the generated XSD describes. */
export function xmlOf(schema: RecordSchema, value: Readonly<Record<string, unknown>>): string {
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele(namespaceOf(schema), schema.name);
  type Element = typeof root;
  const addAll = (parent: Element, members: object): void => {
    for (const [name, member] of Object.entries(members)) {
      if (member !== null) add(parent.ele(name), name, member);
    }
  };
  const add = (element: Element, name: string, member: unknown): void => {
    if (Array.isArray(member)) for (const entry of member) element.ele('entry').txt(String(entry));
    else if (typeof member !== 'object' || member === null) element.txt(String(member));
    else if (isMap(schema, name)) {
      for (const [key, entry] of Object.entries(member)) element.ele('entry').att('name', key).txt(String(entry));
    } else addAll(element, member);
  };
  addAll(root, plainValue(schema, value));
  return root.end();
}

function isMap(schema: RecordSchema, name: string): boolean {
  const type = schema.fields.find((field) => field.name === name)?.type;
  return typeof type === 'object' && 'values' in type && !Array.isArray(type);
}
