import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compileReader } from '../avro/compiled-reader.ts';
import { loadSchema } from '../avro/schemas.ts';
import { CopyBinary } from '../connectors/metering/copy-binary.ts';
import { encodedString } from '../connectors/source/avro-bytes.ts';
import { PgoutputParser, type PgoutputListener } from '../connectors/source/pgoutput.ts';
import { Transcoder } from '../connectors/source/transcoder.ts';
import { checkoutDirectory, defaultDataDirectory } from '../local/checkout.ts';
import { encodeHeaders, recordBatchBytes, writeRecordBatch } from '../topics/record-batch.ts';
import { readRecords } from '../topics/record-reader.ts';
import { figure, table } from './report.ts';

/**
 * `npm run bench:regression`: what the hot path costs per event, as a ratio to a loop that always does the same, so that runs on
 * different machines can be compared. It needs no server and fails on nothing: it is there to be read.
 */
const eventsPerPass = 5_000;
const passMs = 700;
const passes = 5;

interface Step {
  readonly name: string;
  /** Handles `eventsPerPass` events. */
  run(): void;
}

/** Kept, so that the loop is not optimised away. */
let sink = 0;

const items = loadSchema('metering-point')
  .fields.map(({ name }) => name)
  .filter(
    (name) =>
      !['recordType', 'senderId', 'createdAt', 'correlationId', 'source', 'invalid', 'unchanged'].includes(name),
  );

const steps = hotPath();
const calibration = median(
  Array.from({ length: passes }, () => nanosecondsPerEvent({ name: 'calibration', run: calibrate })),
);
const measured = steps.map((step) => {
  const costs = Array.from({ length: passes }, () => nanosecondsPerEvent(step));
  return { name: step.name, nanoseconds: median(costs), ratio: median(costs) / calibration };
});
const kept = baseline();
const rows = measured.map(({ name, nanoseconds, ratio }) => {
  const before = kept[name];
  return [
    name,
    `${figure(nanoseconds)}`,
    ratio.toFixed(2),
    before === undefined ? '' : before.toFixed(2),
    before === undefined ? '' : `${(ratio / before).toFixed(2)}×`,
  ];
});
const text = table([['per event', 'ns', 'to calibration', 'kept', 'now / kept'], ...rows]);
process.stdout.write(
  `Calibration: ${figure(calibration)} ns. Ratios above 1.3× the kept ones are worth a look.\n\n${text}\n`,
);
const document = { at: new Date().toISOString(), node: process.versions.node, calibration, measured };
mkdirSync(defaultDataDirectory, { recursive: true });
writeFileSync(path.join(defaultDataDirectory, 'regression.json'), `${JSON.stringify(document, null, 1)}\n`);
if (process.argv.includes('--keep')) {
  const ratios = Object.fromEntries(measured.map(({ name, ratio }) => [name, Number(ratio.toFixed(3))]));
  writeFileSync(baselineFile(), `${JSON.stringify(ratios, null, 2)}\n`);
}

/** The way of a metering point from the WAL's bytes to the row for COPY, step by step; each works on what the one before made. */
function hotPath(): readonly Step[] {
  const inserts = Array.from({ length: eventsPerPass }, (_, index) => insertMessage(index));
  const schema = loadSchema('metering-point');
  const transcoder = new Transcoder({
    schema,
    schemaId: 7,
    layout: { columns: items, items: Object.fromEntries(items.map((item) => [item, item])), correlationColumn: null },
    sourceName: 'registration',
    senderId: 'REGS',
  });
  const stamp = {
    generation: 1,
    lsn: 0x16_b374_d848,
    xid: 7_000_000,
    committedAt: 1.79e15,
    sourceTime: 1.79e15,
    createdAt: 1.79e15,
  };
  const out = Buffer.alloc(eventsPerPass * 1_024);
  const update = encodedString('update');
  const values: Buffer[] = [];
  let at = 0;
  let ordinal = 0;
  const nothing = (): void => undefined;
  const listener: PgoutputListener = {
    received: nothing,
    begin: nothing,
    commit: nothing,
    relation: nothing,
    insert: (_relation, row) => {
      const end = transcoder.write(out, at, update, stamp, ordinal, row);
      values.push(out.subarray(at, end));
      ordinal += 1;
      at = end;
    },
    update: nothing,
    delete: nothing,
    truncate: nothing,
    message: nothing,
  };
  const parser = new PgoutputParser(listener);
  const transcode = (): void => {
    at = 0;
    ordinal = 0;
    values.length = 0;
    for (const message of inserts) parser.parse(message, 0);
  };
  transcode();
  const keys = values.map((_, index) => Buffer.from(mpanOf(index)));
  const batch = {
    keys,
    values: values.map((value) => Buffer.from(value)),
    from: 0,
    to: eventsPerPass,
    headers: encodeHeaders(undefined),
  };
  const producer = { producerId: 1n, producerEpoch: 0, baseSequence: 0, transactional: true, timestamp: 1.79e12 };
  const bytes = Buffer.alloc(recordBatchBytes(batch));
  const encode = (): void => {
    writeRecordBatch(bytes, 0, batch, producer);
  };
  encode();
  const read = compileReader(schema);
  if (read === null) throw new Error('the schema of metering points has no compiled reader');
  const decode = (): Readonly<Record<string, unknown>>[] =>
    readRecords(bytes, 0, []).records.map(({ key, value }) => {
      const body = value ?? Buffer.alloc(0);
      return read(body, 5, body.length, key?.toString('latin1') ?? '') as Readonly<Record<string, unknown>>;
    });
  const events = decode();
  return [
    { name: 'pgoutput → Avro', run: transcode },
    { name: 'Avro → record batch', run: encode },
    { name: 'record batch → event', run: () => void decode() },
    { name: 'event → COPY', run: () => writeCopy(events) },
  ];
}

function writeCopy(events: readonly Readonly<Record<string, unknown>>[]): void {
  const text = new CopyBinary();
  for (const event of events) {
    for (const item of items) {
      const value = event[item];
      if (typeof value === 'number' && item.endsWith('_efd')) text.date(value);
      else if (typeof value === 'number') text.millionths(value);
      else if (typeof value === 'boolean') text.boolean(value);
      else text.text(value as string | null);
    }
    text.endRow();
  }
}

function mpanOf(index: number): string {
  return `13${String(index).padStart(11, '0')}`;
}

/** I relation:4 'N' columns:2 { 't' length:4 text }* */
function insertMessage(index: number): Buffer {
  const texts = items.map((item) => {
    if (item === 'mpan_core') return mpanOf(index);
    if (item.endsWith('_efd')) return `20${10 + (index % 15)}-0${1 + (index % 9)}-1${index % 10}`;
    if (item === 'domestic' || item === 'opt_out') return index % 50 === 0 ? 'f' : 't';
    return item === 'line_loss_factor' ? `1.0${10 + (index % 90)}` : `${item.slice(0, 3).toUpperCase()}${index % 7}`;
  });
  const parts = [Buffer.from([0x49, 0, 0, 0, 1, 0x4e, 0, items.length])];
  for (const text of texts) {
    const head = Buffer.from([0x74, 0, 0, 0, 0]);
    head.writeInt32BE(text.length, 1);
    parts.push(head, Buffer.from(text));
  }
  return Buffer.concat(parts);
}

/** Bytes, a hash table and short-lived objects, in about the mixture that the hot path has; never changed. */
function calibrate(): void {
  const bytes = Buffer.alloc(64);
  const seen = new Map<string, { readonly hash: number }>();
  for (let event = 0; event < eventsPerPass; event += 1) {
    bytes.writeUInt32LE(event, event % 60);
    let hash = 0x811c_9dc5;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
    seen.set(bytes.toString('latin1', 0, 16) + (event % 512), { hash });
    sink ^= hash;
  }
  sink += seen.size;
}

function nanosecondsPerEvent(step: Step): number {
  // Until the compiler is done with it.
  for (let warm = 0; warm < 20; warm += 1) step.run();
  const begun = performance.now();
  let runs = 0;
  while (performance.now() - begun < passMs) {
    step.run();
    runs += 1;
  }
  return ((performance.now() - begun) * 1e6) / (runs * eventsPerPass);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function baselineFile(): string {
  return path.join(checkoutDirectory, 'bench', 'regression-baseline.json');
}

function baseline(): Readonly<Record<string, number>> {
  try {
    return JSON.parse(readFileSync(baselineFile(), 'utf8')) as Readonly<Record<string, number>>;
  } catch {
    return {};
  }
}
