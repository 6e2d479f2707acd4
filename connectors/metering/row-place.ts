/** A row's ctid as one number: block * `itemsOfBlock` + item. It is good until the row is written again. */
export type RowPlace = number;

export const itemsOfBlock = 65_536;

/** As PostgreSQL writes a `tid`. */
export function placeText(place: RowPlace): string {
  const block = Math.floor(place / itemsOfBlock);
  return `(${block},${place - block * itemsOfBlock})`;
}

/** Reads what `placeText` writes. */
export function placeOf(text: string): RowPlace {
  const comma = text.indexOf(',');
  return Number(text.slice(1, comma)) * itemsOfBlock + Number(text.slice(comma + 1, -1));
}
