import { comparePositions, type Position } from '../../avro/position.ts';
import type { SourceStage, TestEvent } from './source.fixture.ts';
import { askOfTable, readWish, type TableWish } from './table-wish.ts';

/** Asks for it and resolves with the answer. */
export async function wished(stage: SourceStage, table: string, wish: TableWish['wish']): Promise<TableWish> {
  await askOfTable(stage.client, stage.settings.name, table, wish);
  for (;;) {
    const answered = await readWish(stage.client, stage.settings.name, table);
    if (answered !== null && answered.state !== 'asked') return answered;
  }
}

/** A topic replayed into a map by an item: what receivers believe to be there; and everything that is wrong with the order. */
export async function replayed(
  stage: SourceStage,
  topics: readonly string[],
  keyItem: string,
): Promise<{ rows: Map<string, TestEvent>; wrong: string[]; events: TestEvent[] }> {
  const rows = new Map<string, TestEvent>();
  const wrong: string[] = [];
  const events: TestEvent[] = [];
  const seen = new Set<string>();
  for (const topic of topics) {
    const last = new Map<number, Position>();
    for (const event of await stage.events(topic)) {
      const { source, partition, recordType } = event;
      const before = last.get(partition);
      if (before !== undefined && comparePositions(source, before) < 0) wrong.push(`${source.lsn} after ${before.lsn}`);
      last.set(partition, source);
      if (recordType === 'truncate') {
        for (const [key, row] of rows) if (row.topic === topic && row.partition === partition) rows.delete(key);
        continue;
      }
      const key = String(event[keyItem]);
      const { generation, lsn, ordinal } = source;
      const identity = [topic, key, generation, lsn, ordinal, recordType].join();
      if (seen.has(identity)) wrong.push(`twice: ${identity}`);
      seen.add(identity);
      events.push(event);
      if (recordType === 'delete') rows.delete(key);
      else rows.set(key, event);
    }
  }
  return { rows, wrong, events };
}

/** What differs between the metering points and their topic replayed into a map. */
export async function differencesOfPoints(stage: SourceStage, items: readonly string[]): Promise<string[]> {
  const { rows, wrong } = await replayed(stage, ['metering-point'], 'mpan_core');
  const texts = items.map((item) => `${item}::text AS ${item}`).join(', ');
  const { rows: there } = await stage.client.query<Record<string, string>>(
    `SELECT mpan_core, ${texts} FROM registration.metering_point`,
  );
  for (const row of there) {
    const told = rows.get(row['mpan_core'] ?? '');
    for (const item of items) {
      const value = told?.[item] as string | number | null | undefined;
      const text =
        value === null || value === undefined
          ? null
          : item.endsWith('_efd')
            ? new Date(Number(value) * 86_400_000).toISOString().slice(0, 10)
            : String(value);
      if (text !== row[item]) wrong.push(`${row['mpan_core']}.${item}: ${text} for ${row[item]}`);
    }
  }
  if (rows.size !== there.length) wrong.push(`${rows.size} rows for ${there.length}`);
  return wrong;
}
