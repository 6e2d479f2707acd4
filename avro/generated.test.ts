import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import type { Envelope } from './envelope.ts';
import type { ProgressRecord } from './progress.ts';
import type { MeteringPoint } from './generated/metering-point.ts';
import type { Progress } from './generated/progress.ts';
import { sampleMeteringPoint } from './codec.fixture.ts';
import { xmlOf } from './event-xml.fixture.ts';
import { generatedFiles, newVersions } from './generate.ts';
import type { SchemaName } from './schemas.ts';
import { avroDirectory, itemFields, loadSchema, schemaNames } from './schemas.ts';

const fileOf = (path: string): string => readFileSync(join(avroDirectory(), path), 'utf8');

test.each(generatedFiles().map(({ path, text }) => [path, text]))('%s is what its schema makes it', (path, text) => {
  expect(fileOf(path), 'run scripts/generate.mjs').toBe(text);
});

test('every version of a schema is published', () => {
  expect(newVersions().map((file) => file.path)).toEqual([]);
});

test('the generated types are those that the program uses', () => {
  expectTypeOf<Progress>().toEqualTypeOf<ProgressRecord>();
  expectTypeOf<MeteringPoint>().toExtend<Envelope>();
});

test('what is personal data is marked, and nothing else in a flow is', () => {
  const marked = (name: SchemaName) =>
    itemFields(loadSchema(name))
      .filter((field) => field.classification === 'PII restricted')
      .map((field) => field.name);
  expect(marked('metering-point')).toEqual(['mpan_core']);
  expect(marked('appointment-mss')).toEqual(['mpan_core']);
  expect(marked('meter-asset')).toEqual(['mpan_core', 'postcode', 'uprn']);
  expect(marked('participant')).toEqual([]);
});

test.each(schemaNames.filter((name) => name !== 'progress'))(
  '%s: every item may be null and has null as its default',
  (name) => {
    for (const item of itemFields(loadSchema(name))) {
      expect(item).toMatchObject({ type: ['null', expect.anything()], default: null });
    }
  },
);

describe('a sample event as XML', () => {
  const { mpan_core, source, ...envelope } = sampleMeteringPoint();
  const items: Record<string, unknown> = { mpan_core };
  const rowOf = (name: SchemaName, values: Record<string, unknown>): Record<string, unknown> => ({
    ...Object.fromEntries(itemFields(loadSchema(name)).map((field) => [field.name, values[field.name] ?? null])),
    ...Object.fromEntries(
      ['recordType', 'senderId', 'createdAt', 'correlationId'].map((field) => [field, envelope[field]]),
    ),
    source,
    invalid: { line_loss_factor: 'NaN & <more>' },
    unchanged: ['meter_id'],
  });
  const appointment = { ...items, appointment_id: 5, service_type: 'MSS', mpid: 'MSVA', metering_service_efd: 19_813 };
  const position = { generation: 1, lsn: 5, ordinal: 2 };
  const samples: Record<SchemaName, Record<string, unknown>> = {
    'metering-point': sampleMeteringPoint({ line_loss_factor: -45 }),
    'appointment-mss': rowOf('appointment-mss', { ...appointment, meter_id: 'E6S1234567' }),
    'appointment-msa': rowOf('appointment-msa', appointment),
    'appointment-umso': rowOf('appointment-umso', appointment),
    participant: rowOf('participant', { mpid: 'SUPA', effective_from: -25_567, reference_version: 12 }),
    distributor: rowOf('distributor', { prefix: '13', effective_from: 9_000 }),
    'meter-asset': rowOf('meter-asset', { ...items, device_id: '00-DB-12-34-56-78-90-A0', installed_on: 19_000 }),
    rejection: rowOf('rejection', {
      ...items,
      rule_codes: ['MPAN_FORMAT', 'MPAN_PREFIX'],
      raised_at: 1_711_843_200_123_456,
      lsn: 9e12,
    }),
    receipt: rowOf('receipt', { receiver: 'MSVA', lane: 3, through_lsn: 97_500_059_720, counts: '{"a":1}' }),
    progress: {
      source: 'registration',
      position,
      complete: true,
      endLsn: 6,
      sourceTime: 1_711_843_200_123_456,
      createdAt: 1_711_843_200_123_456,
      xid: 7,
      systemIdentifier: '7300000000000000000',
      timeline: 1,
      slot: 'concord',
      publicationHash: 'ab',
      nextOffsets: { 'registration.metering-point/0': 12 },
      captured: { 'registration.metering-point': 12 },
      heartbeatToken: 3,
      parkedTables: [],
      jobs: '[]',
      loadCompleteAt: position,
    },
  };

  const problemsOf = async (name: SchemaName, xml: string): Promise<readonly string[]> => {
    const { errors } = await validateXML({
      xml: [{ fileName: `${name}.xml`, contents: xml }],
      schema: [{ fileName: `${name}.xsd`, contents: fileOf(`generated/xsd/${name}.xsd`) }],
    });
    return errors.map((error) => error.message);
  };

  test.each(schemaNames)('%s is valid by its XSD', async (name) => {
    expect(await problemsOf(name, xmlOf(loadSchema(name), samples[name]))).toEqual([]);
  });

  test('with a date that is none, an unknown item or a decimal too long is not valid', async () => {
    const xml = xmlOf(loadSchema('metering-point'), samples['metering-point']);
    for (const broken of [
      xml.replace('<supplier_efd>2024-03-31', '<supplier_efd>31/03/2024'),
      xml.replace('<gsp_group>', '<grid>').replace('</gsp_group>', '</grid>'),
      xml.replace('-0.000045', '-0.0000451'),
    ]) {
      expect(broken).not.toBe(xml);
      expect(await problemsOf('metering-point', broken)).not.toEqual([]);
    }
  });
});
