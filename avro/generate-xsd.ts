import { create } from 'xmlbuilder2';
import type { XMLBuilder } from 'xmlbuilder2/lib/interfaces.js';
import type { FieldType, RecordSchema, SchemaField } from './schemas.ts';
import { isUnion, namedTypes, presentType } from './schemas.ts';

const xs = 'http://www.w3.org/2001/XMLSchema';

/**
 * XSD of the plain form of a record (see `plain.ts`) as XML: one element per field, in order; an item that is null is
 * left out. A map is a list of `entry` elements with a `name`, a list has `entry` elements.
 */
export function xsdOf(fileName: string, schema: RecordSchema): string {
  const root = create({ version: '1.0', encoding: 'UTF-8' })
    .com(` Generated from schemas/${fileName}.avsc by scripts/generate.mjs. `)
    .ele(xs, 'xs:schema')
    .att('elementFormDefault', 'qualified')
    .att('targetNamespace', namespaceOf(schema))
    .att('xmlns', namespaceOf(schema));
  const element = root.ele(xs, 'xs:element').att('name', schema.name);
  element.ele(xs, 'xs:annotation').ele(xs, 'xs:documentation').txt(schema.doc);
  addRecord(element, schema, namedTypes(schema));
  return `${root.end({ prettyPrint: true })}\n`;
}

/** The XML namespace of a schema's documents. */
export function namespaceOf(schema: RecordSchema): string {
  return `urn:${(schema.namespace ?? 'concord').replaceAll('.', ':')}`;
}

function addRecord(element: XMLBuilder, schema: RecordSchema, named: ReadonlyMap<string, RecordSchema>): void {
  const sequence = element.ele(xs, 'xs:complexType').ele(xs, 'xs:sequence');
  for (const field of schema.fields) addField(sequence, field, named);
}

function addField(sequence: XMLBuilder, field: SchemaField, named: ReadonlyMap<string, RecordSchema>): void {
  const element = sequence.ele(xs, 'xs:element').att('name', field.name);
  if (isUnion(field.type)) element.att('minOccurs', '0');
  const simple = simpleType(field.type, named);
  if (simple !== null) element.att('type', simple);
  const annotation = element.ele(xs, 'xs:annotation');
  annotation.ele(xs, 'xs:documentation').txt(field.doc);
  annotation
    .ele(xs, 'xs:appinfo')
    .ele(namespaceOfNotes, 'note')
    .att('owner', field.owner)
    .att('classification', field.classification);
  if (simple === null) addComplex(element, field.type, named);
}

const namespaceOfNotes = 'urn:concord:notes';

/** Null where the type needs a definition of its own. */
function simpleType(type: FieldType, named: ReadonlyMap<string, RecordSchema>): string | null {
  const present = presentType(type);
  if (typeof present === 'string') {
    switch (present) {
      case 'boolean':
      case 'int':
      case 'long':
      case 'string':
        return `xs:${present}`;
      default:
        if (named.has(present)) return null;
        throw new Error(`no XSD for the type ${present}`);
    }
  }
  if (!('logicalType' in present)) return null;
  if (present.logicalType === 'date') return 'xs:date';
  return present.logicalType === 'timestamp-micros' ? 'xs:dateTime' : null;
}

function addComplex(element: XMLBuilder, type: FieldType, named: ReadonlyMap<string, RecordSchema>): void {
  const present = presentType(type);
  if (typeof present === 'string') {
    const record = named.get(present);
    if (record === undefined) throw new Error(`no XSD for the type ${present}`);
    addRecord(element, record, named);
  } else if ('fields' in present) {
    addRecord(element, present, named);
  } else if ('items' in present || 'values' in present) {
    const inner = 'items' in present ? present.items : present.values;
    const simple = simpleType(inner, named);
    if (simple === null) throw new Error('no XSD for a list or map of records');
    const entry = element
      .ele(xs, 'xs:complexType')
      .ele(xs, 'xs:sequence')
      .ele(xs, 'xs:element')
      .att({ name: 'entry', minOccurs: '0', maxOccurs: 'unbounded' });
    if ('items' in present) entry.att('type', simple);
    else {
      const extension = entry
        .ele(xs, 'xs:complexType')
        .ele(xs, 'xs:simpleContent')
        .ele(xs, 'xs:extension')
        .att('base', simple);
      extension.ele(xs, 'xs:attribute').att({ name: 'name', type: 'xs:string', use: 'required' });
    }
  } else {
    const restriction = element.ele(xs, 'xs:simpleType').ele(xs, 'xs:restriction').att('base', 'xs:decimal');
    restriction.ele(xs, 'xs:totalDigits').att('value', String(present.precision));
    restriction.ele(xs, 'xs:fractionDigits').att('value', String(present.scale ?? 0));
  }
}
