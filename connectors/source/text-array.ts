import { writeBytes, writeLong } from './avro-bytes.ts';
import { type TextCodec, unfit } from './text-to-avro.ts';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const open = 0x7b;
const close = 0x7d;

/** `text[]` of one dimension without NULLs: `{a,"b c"}`. Everything else that PostgreSQL's arrays can be does not fit. */
export const writeTextArray: TextCodec = (out, at, text, start, length) => {
  const elements = parseTextArray(text, start, start + length);
  if (elements === null) return unfit;
  let cursor = at;
  if (elements.length > 0) {
    cursor = writeLong(out, cursor, elements.length);
    for (const element of elements) cursor = writeBytes(out, cursor, element, 0, element.length);
  }
  out[cursor] = 0;
  return cursor + 1;
};

function parseTextArray(text: Buffer, start: number, end: number): readonly Buffer[] | null {
  if (text[start] !== open || text[end - 1] !== close) return null;
  const last = end - 1;
  const elements: Buffer[] = [];
  let at = start + 1;
  while (at < last) {
    const element: number[] = [];
    const quoted = text[at] === quote;
    if (quoted) at += 1;
    while (at < last && text[at] !== (quoted ? quote : comma)) {
      if (!quoted && (text[at] === open || text[at] === close)) return null;
      if (text[at] === backslash) at += 1;
      element.push(text[at] ?? 0);
      at += 1;
    }
    if (quoted) at += 1;
    const bytes = Buffer.from(element);
    if (!quoted && bytes.toString('latin1') === 'NULL') return null;
    elements.push(bytes);
    if (at < last && text[at] !== comma) return null;
    at += 1;
  }
  return elements;
}
