import { compileFunction } from 'node:vm';
import type { EntityTable } from './entities.ts';
import type { Items } from './versions.ts';

/** In which items two rows of a table differ: bit i is the table's item i. A missing item is null. */
export type Differences = (a: Items, b: Items) => number;

const compiled = new Map<EntityTable, Differences>();

/** Compiled for the table, because every event is compared: asking each item by its name takes several times as long. */
export function differencesOf(table: EntityTable): Differences {
  let found = compiled.get(table);
  if (found === undefined) {
    const bits = table.items.map(([name], index) => {
      const item = JSON.stringify(name);
      return `((a[${item}] ?? null) === (b[${item}] ?? null) ? 0 : ${1 << index})`;
    });
    found = compileFunction(`return ${bits.join(' | ')};`, ['a', 'b']) as Differences;
    compiled.set(table, found);
  }
  return found;
}

/** Do two rows say the same? A missing item (the unmetered topic has no meter id) is null. */
export function sameItems(table: EntityTable, a: Items, b: Items): boolean {
  return differencesOf(table)(a, b) === 0;
}
