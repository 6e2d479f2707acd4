import fc from 'fast-check';
import { dayText } from '../../../avro/item-text.ts';

/** One type that a mirrored table may have: values that broke others, and a way to make more, as PostgreSQL reads them. */
export interface TypeCase {
  /** As it is declared in the source. */
  readonly type: string;
  /** Null is SQL's NULL. */
  readonly edges: readonly (string | null)[];
  readonly arbitrary: fc.Arbitrary<string>;
  /** For readers of docs/types.md. */
  readonly note?: string;
}

/** What the source's database needs before the table can be made. */
export const typesBefore = `
  CREATE SCHEMA one; CREATE SCHEMA two;
  CREATE TYPE one.mood AS ENUM ('glad', 'a "quoted" one', 'sad, or not');
  CREATE TYPE two.mood AS ENUM ('glad', 'other');
  CREATE DOMAIN one.positive AS numeric(10, 2) CHECK (VALUE > 0);
  CREATE DOMAIN one.nested AS one.positive CHECK (VALUE < 1e9);
  CREATE TYPE one.pair AS (left_part text, "right Part" int[]);
  CREATE TYPE one.floatrange AS RANGE (subtype = float8);
  CREATE EXTENSION citext; CREATE EXTENSION hstore;`;

/** The store has one of the two extensions. */
export const storeBefore = 'CREATE EXTENSION citext';

const digits = (max: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: max }).map((all) => all.join(''));
const sign = fc.constantFrom('', '-');
const anyNumeric = fc.tuple(sign, digits(80), digits(40)).map(([minus, whole, part]) => `${minus}${whole}.${part}`);
const scaled = (precision: number, scale: number): fc.Arbitrary<string> =>
  fc
    .tuple(sign, digits(precision - scale || 1), digits(scale))
    .map(([minus, whole, part]) => `${minus}${precision === scale ? '0' : whole}.${part}`);
const text = fc.string({ unit: 'binary', maxLength: 40 }).map((one) => one.replaceAll('\0', ''));
const short = (max: number): fc.Arbitrary<string> => text.map((one) => Array.from(one).slice(0, max).join(''));
const bytes = fc.uint8Array({ maxLength: 60 }).map((all) => `\\x${Buffer.from(all).toString('hex')}`);
const two = (n: number): string => String(n).padStart(2, '0');
const clock = fc
  .tuple(fc.nat(23), fc.nat(59), fc.nat(59), fc.nat(999_999))
  .map(([h, m, s, us]) => `${two(h)}:${two(m)}:${two(s)}.${String(us).padStart(6, '0')}`);
const offset = fc
  .tuple(fc.constantFrom('+', '-'), fc.nat(14), fc.nat(59))
  .map(([s, h, m]) => `${s}${two(h)}:${two(m)}`);
const day = fc.oneof(fc.integer({ min: -2_440_000, max: 2_000_000_000 }), fc.integer({ min: -800_000, max: 80_000 }));
const date = day.map(dayText);
const timestamp = (zone: string): fc.Arbitrary<string> =>
  fc.tuple(fc.integer({ min: -2_440_000, max: 100_000_000 }), clock).map(([n, at]) => {
    const [before, bc = ''] = dayText(n).split(' ');
    return `${before} ${at}${zone}${bc === '' ? '' : ' BC'}`;
  });
const interval = fc
  .tuple(fc.integer({ min: -100_000, max: 100_000 }), fc.integer(), fc.integer({ min: -1e12, max: 1e12 }))
  .map(([months, days, micros]) => `${months} months ${days} days ${micros} microseconds`);
const json = fc.json({ maxDepth: 3 }).map((one) => one.replaceAll('\\u0000', ''));
const hex = (n: number): fc.Arbitrary<string> =>
  fc
    .array(
      fc.nat(15).map((digit) => digit.toString(16)),
      { minLength: n, maxLength: n },
    )
    .map((all) => all.join(''));
const bits = (least: number, most: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom('0', '1'), { minLength: least, maxLength: most }).map((all) => all.join(''));
const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }).map(String);
const point = fc.tuple(number, number).map(([x, y]) => `(${x},${y})`);
const quoted = (value: string | null): string =>
  value === null ? 'NULL' : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
const arrayOf = (element: fc.Arbitrary<string>): fc.Arbitrary<string> => {
  const one = fc.option(element, { freq: 4 });
  const flat = fc.array(one, { maxLength: 4 }).map((all) => `{${all.map(quoted).join(',')}}`);
  const nested = fc
    .array(fc.tuple(one, one), { minLength: 1, maxLength: 3 })
    .map((rows) => `{${rows.map((row) => `{${row.map(quoted).join(',')}}`).join(',')}}`);
  return fc.oneof(flat, nested);
};
const rangeOf = (element: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom('[', '('), element, element, fc.constantFrom(']', ')'))
    .map(([open, a, b, close]) => `${open}${Math.min(a, b)},${Math.max(a, b)}${close}`);
const int = fc.integer();

export const typeCases: readonly TypeCase[] = [
  { type: 'boolean', edges: ['t', 'f', null], arbitrary: fc.constantFrom('t', 'f') },
  {
    type: 'smallint',
    edges: ['-32768', '32767', '0'],
    arbitrary: fc.integer({ min: -32_768, max: 32_767 }).map(String),
  },
  { type: 'integer', edges: ['-2147483648', '2147483647', null], arbitrary: int.map(String) },
  {
    type: 'bigint',
    edges: ['-9223372036854775808', '9223372036854775807', '9007199254740993', '-9007199254740993', '0'],
    arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    note: 'all 64 bits',
  },
  {
    type: 'numeric',
    edges: ['NaN', 'Infinity', '-Infinity', '0.00', '1.10', '-0.0', `1${'0'.repeat(300)}.${'0'.repeat(300)}1`, null],
    arbitrary: anyNumeric,
    note: 'unbounded, with its own digits after the point',
  },
  {
    type: 'numeric(10,2)',
    edges: ['NaN', '99999999.99', '-99999999.99', '0.00'],
    arbitrary: scaled(10, 2),
    note: 'NaN in `invalid`',
  },
  { type: 'numeric(15,15)', edges: ['0.999999999999999', '-0.000000000000001'], arbitrary: scaled(15, 15) },
  { type: 'numeric(38,10)', edges: ['1234567890123456789012345678.0123456789', 'NaN'], arbitrary: scaled(38, 10) },
  {
    type: 'numeric(3,-2)',
    edges: ['99900', '-100', 'NaN'],
    arbitrary: fc.integer({ min: -999, max: 999 }).map((n) => `${n}00`),
    note: 'negative scale',
  },
  {
    type: 'numeric(2,5)',
    edges: ['0.00099', '-0.00001'],
    arbitrary: fc.integer({ min: 0, max: 99 }).map((n) => `0.000${two(n)}`),
    note: 'scale above precision',
  },
  {
    type: 'real',
    edges: ['NaN', 'Infinity', '-Infinity', '-0', '1e-45', '3.4028235e38', '0.1', '16777217'],
    arbitrary: fc.float({ noNaN: true }).map((one) => (Object.is(one, -0) ? '-0' : String(one))),
    note: 'as a double, which keeps its nine digits',
  },
  {
    type: 'double precision',
    edges: ['NaN', 'Infinity', '-Infinity', '-0', '5e-324', '1.7976931348623157e308', '0.1', '1e15', '1e21'],
    arbitrary: fc.double().map((one) => (Object.is(one, -0) ? '-0' : String(one))),
  },
  {
    type: 'money',
    edges: ['-92233720368547758.08', '92233720368547758.07', '$1,234.50'],
    arbitrary: fc.integer().map((n) => String(n / 100)),
    note: 'in the locale C, with two decimals; where `lc_monetary` has another number of them, it is told (`MONEY_DECIMALS`)',
  },
  { type: 'text', edges: ['', ' ', 'NULL', '\\N', 'tab\tnew\nline\r\\', '€ 𝄞 \u0301', null], arbitrary: text },
  { type: 'character varying(20)', edges: ['', 'ä'.repeat(20)], arbitrary: short(20) },
  { type: 'character(5)', edges: ['', 'a', 'a    ', 'abcde'], arbitrary: short(5), note: 'padded' },
  { type: '"char"', edges: ['', 'a', '\\377'], arbitrary: fc.constantFrom('x', 'Z', '~') },
  { type: 'name', edges: ['', 'a"b'], arbitrary: fc.string({ maxLength: 40 }) },
  { type: 'bytea', edges: ['\\x', '\\x00', '\\xff00fe', null], arbitrary: bytes, note: 'empty is not NULL' },
  {
    type: 'date',
    edges: ['infinity', '-infinity', '4713-01-01 BC', '0001-12-31 BC', '5874897-12-31', '10000-01-01', '1970-01-01'],
    arbitrary: date,
    note: 'infinity in `invalid`',
  },
  { type: 'time without time zone', edges: ['00:00:00', '24:00:00', '23:59:59.999999'], arbitrary: clock },
  {
    type: 'time with time zone',
    edges: ['00:00:00+15:59:59', '24:00:00-15:59:59', '12:00:00.000001+05:45'],
    arbitrary: fc.tuple(clock, offset).map((all) => all.join('')),
    note: 'keeps its own zone',
  },
  {
    type: 'timestamp without time zone',
    edges: [
      'infinity',
      '-infinity',
      '4713-01-01 00:00:00 BC',
      '294276-12-31 23:59:59.999999',
      '1969-12-31 23:59:59.999999',
    ],
    arbitrary: timestamp(''),
    note: 'infinity and years outside 1684–2255 in `invalid`',
  },
  { type: 'timestamp(0) with time zone', edges: ['2024-03-31 01:59:59.6+00', 'infinity'], arbitrary: timestamp('+00') },
  {
    type: 'timestamp with time zone',
    edges: [
      'infinity',
      '-infinity',
      '4713-01-01 00:00:00+00 BC',
      '294276-12-31 23:59:59.999999+00',
      '2024-10-27 01:30:00.123456+01',
    ],
    arbitrary: timestamp('+05:45'),
    note: 'in UTC; infinity and years outside 1684–2255 in `invalid`',
  },
  {
    type: 'interval',
    edges: [
      '1 year -2 mons +3 days -04:05:06.000007',
      '-1 days +02:03:04',
      // In the SQL standard's style it has one sign for both.
      '-1 days -02:03:04',
      '178000000 years',
      'infinity',
      '-infinity',
      '0',
    ],
    arbitrary: interval,
    note: 'months, days and microseconds stay apart',
  },
  { type: 'uuid', edges: ['00000000-0000-0000-0000-000000000000'], arbitrary: fc.uuid() },
  {
    type: 'json',
    edges: ['null', '{"a": 1,  "a": 2}', '1.0', null],
    arbitrary: json,
    note: 'to the letter; JSON null is not SQL NULL',
  },
  {
    type: 'jsonb',
    edges: ['null', '{"b": 1e400, "a": [null, "\\u00e9"]}', '""', null],
    arbitrary: json,
    note: 'JSON null is not SQL NULL',
  },
  { type: 'jsonpath', edges: ['$.a[*] ? (@.b > 1)'], arbitrary: fc.constantFrom('$', 'strict $.x', '$[0 to 2]') },
  {
    type: 'xml',
    edges: ['', '<a b="c">&amp; text</a>', 'text <b/> more'],
    arbitrary: fc.constantFrom('<x/>', '<y>1</y>', '<!-- c --><z/>'),
  },
  { type: 'inet', edges: ['0.0.0.0/0', '192.168.1.5/24', '::ffff:1.2.3.4', '2001:db8::1/64'], arbitrary: fc.ipV4() },
  { type: 'cidr', edges: ['0.0.0.0/0', '10.0.0.0/8', '2001:db8::/32'], arbitrary: fc.ipV4().map((one) => `${one}/32`) },
  { type: 'macaddr', edges: ['ff:ff:ff:ff:ff:ff'], arbitrary: hex(12) },
  { type: 'macaddr8', edges: ['ff:ff:ff:ff:ff:ff:ff:ff'], arbitrary: hex(16) },
  { type: 'bit(5)', edges: ['00000', '11111'], arbitrary: bits(5, 5) },
  { type: 'bit varying', edges: ['', '0', '1'.repeat(100)], arbitrary: bits(0, 70) },
  {
    type: 'tsvector',
    edges: ['', `'a ''quoted'' one':1A,2 'b'`],
    arbitrary: fc.lorem().map((one) => one.replaceAll(/[^a-z ]/g, '')),
  },
  { type: 'tsquery', edges: ['', `'a' & !('b' | 'c':*A) <-> 'd'`], arbitrary: fc.constantFrom(`'x'`, `'x' & 'y'`) },
  { type: 'point', edges: ['(0,0)', '(NaN,Infinity)', '(-0,1e-300)'], arbitrary: point },
  { type: 'line', edges: ['{1,2,3}'], arbitrary: fc.constantFrom('{1,-1,0}', '{0,1,5e-10}') },
  { type: 'lseg', edges: ['[(0,0),(1,1)]'], arbitrary: fc.tuple(point, point).map((all) => `[${all.join(',')}]`) },
  { type: 'box', edges: ['(1,1),(0,0)'], arbitrary: fc.tuple(point, point).map((all) => all.join(',')) },
  {
    type: 'path',
    edges: ['((0,0),(1,1))', '[(0,0)]'],
    arbitrary: fc.array(point, { minLength: 1, maxLength: 4 }).map((all) => `[${all.join(',')}]`),
  },
  {
    type: 'polygon',
    edges: ['((0,0),(1,1),(1,0))'],
    arbitrary: fc.array(point, { minLength: 1, maxLength: 4 }).map((all) => `(${all.join(',')})`),
  },
  { type: 'circle', edges: ['<(0,0),0>', '<(1,2),Infinity>'], arbitrary: point.map((one) => `<${one},2.5>`) },
  {
    type: 'int4range',
    edges: ['empty', '(,)', '[1,2147483647)', '(,5]'],
    arbitrary: rangeOf(fc.integer({ min: -1e9, max: 1e9 })),
  },
  { type: 'numrange', edges: ['empty', '[1.10,1.100]', '(,NaN)', '[-Infinity,)'], arbitrary: rangeOf(fc.integer()) },
  {
    type: 'daterange',
    edges: ['[infinity,]', '[2024-01-01,2024-02-01)', '(,0044-03-15 BC)'],
    arbitrary: fc.constantFrom('[2020-01-01,2021-01-01)', '(2020-01-01,)'),
  },
  {
    type: 'tstzrange',
    edges: ['["2024-01-01 00:00:00+00",infinity)', 'empty'],
    arbitrary: timestamp('+00').map((one) => `["${one}",infinity]`),
  },
  {
    type: 'int8multirange',
    edges: ['{}', '{[1,3),[5,9223372036854775807)}'],
    arbitrary: rangeOf(int).map((one) => `{${one}}`),
  },
  { type: 'nummultirange', edges: ['{(,0.10),[2.50,)}'], arbitrary: rangeOf(int).map((one) => `{${one}}`) },
  { type: 'oid', edges: ['0', '4294967295'], arbitrary: fc.integer({ min: 0, max: 4_294_967_295 }).map(String) },
  { type: 'pg_lsn', edges: ['0/0', 'FFFFFFFF/FFFFFFFF'], arbitrary: hex(8).map((one) => `0/${one}`) },
  { type: 'xid8', edges: ['0', '18446744073709551615'], arbitrary: fc.nat().map(String) },
  {
    type: 'regclass',
    edges: ['one.types', 'pg_catalog.pg_class', '-'],
    arbitrary: fc.constantFrom('pg_class', 'pg_type'),
    note: 'its text: the store does not have what it names',
  },
  { type: 'regtype', edges: ['one.mood', 'two.mood', 'integer[]'], arbitrary: fc.constantFrom('text', 'one.pair') },
  {
    type: 'integer[]',
    edges: ['{}', '{NULL}', '{{1,NULL},{NULL,2}}', '[0:1]={1,2}', '[-2:-2][3:4]={{1,2}}', null],
    arbitrary: arrayOf(int.map(String)),
    note: 'dimensions, lower bounds and NULLs stay',
  },
  { type: 'text[]', edges: ['{}', '{"",NULL,"NULL","a,b","{}","\\"","\\\\"}', '{{a},{b}}'], arbitrary: arrayOf(text) },
  { type: 'numeric[]', edges: ['{NaN,Infinity,1.10}'], arbitrary: arrayOf(anyNumeric) },
  {
    type: 'timestamp with time zone[]',
    edges: ['{infinity,NULL,"0044-03-15 00:00:00+00 BC"}'],
    arbitrary: arrayOf(timestamp('+00')),
  },
  { type: 'bytea[]', edges: ['{"\\\\x","\\\\xff"}'], arbitrary: arrayOf(bytes) },
  { type: 'double precision[]', edges: ['{-0,NaN,1e-300}'], arbitrary: arrayOf(number) },
  { type: 'boolean[]', edges: ['{t,f,NULL}'], arbitrary: arrayOf(fc.constantFrom('t', 'f')) },
  { type: 'jsonb[]', edges: ['{"null",NULL,"{\\"a\\": 1}"}'], arbitrary: arrayOf(json) },
  { type: 'box[]', edges: ['{(1,1),(0,0);(2,2),(1,1)}'], arbitrary: fc.constant('{(3,3),(0,0)}') },
  {
    type: 'int4range[]',
    edges: ['{"[1,3)",empty,NULL}'],
    arbitrary: arrayOf(rangeOf(fc.integer({ min: -1e9, max: 1e9 }))),
  },
  {
    type: 'one.mood',
    edges: ['glad', 'a "quoted" one', 'sad, or not', null],
    arbitrary: fc.constantFrom('glad', 'sad, or not'),
    note: 'a new value needs nothing in the store',
  },
  { type: 'two.mood', edges: ['glad', 'other'], arbitrary: fc.constantFrom('glad', 'other') },
  {
    type: 'one.mood[]',
    edges: ['{}', '{glad,NULL,"a \\"quoted\\" one"}'],
    arbitrary: arrayOf(fc.constantFrom('glad', 'sad, or not')),
  },
  {
    type: 'one.positive',
    edges: ['0.01', '99999999.99', null],
    arbitrary: fc.integer({ min: 1, max: 1e9 }).map((n) => String(n / 100)),
    note: 'what the domain is made of; its checks are the source’s',
  },
  { type: 'one.nested', edges: ['1.00'], arbitrary: fc.integer({ min: 1, max: 1e9 }).map((n) => String(n / 100)) },
  { type: 'one.positive[]', edges: ['{1.00,NULL}'], arbitrary: arrayOf(fc.constantFrom('1.10', '2.00')) },
  {
    type: 'one.pair',
    edges: ['(,)', '("a ""quoted"" one","{1,NULL}")', null],
    arbitrary: fc.constantFrom('(x,{})', '("a b",{2})'),
  },
  { type: 'one.pair[]', edges: ['{NULL,"(\\"a,b\\",{1})"}'], arbitrary: fc.constant('{"(x,{})"}') },
  { type: 'one.floatrange', edges: ['empty', '[1.5,Infinity]', '(,-0]'], arbitrary: rangeOf(int) },
  {
    type: 'public.citext',
    edges: ['MiXed', ''],
    arbitrary: text,
    note: 'where the store has the extension; else text',
  },
  { type: 'public.citext[]', edges: ['{MiXed,NULL}'], arbitrary: arrayOf(fc.constantFrom('A', 'b')) },
  {
    type: 'public.hstore',
    edges: ['', '"a"=>NULL, "b c"=>"\\"d\\""'],
    arbitrary: fc.constantFrom('x=>1', 'y=>NULL'),
    note: 'here the store does not have the extension',
  },
];
