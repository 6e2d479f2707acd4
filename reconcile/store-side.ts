import { quoteLiteral } from '../connectors/source/sql.ts';
import { isFreshSql } from './base.ts';
import {
  bucketColumns,
  bucketSql,
  digestColumns,
  digestSql,
  eventItems,
  freshSql,
  itemOf,
  type ItemsSql,
  keyHashSql,
  keySql,
  laneKeySql,
  onceSql,
  storeItems,
  textsSql,
} from './canonical.ts';
import { eachRangeSql, type Pages, pagesOfRange, pagesSql } from './source-side.ts';
import type { ReconciledTable } from './tables.ts';
import { type Visibility, visibleSql } from './visibility.ts';

const withoutKeys = 't.entity_key <> ALL ($1::text[])';

/** The SQL that reads, from the metering store, what one table said at a point of its source. */
export class StoreSide {
  readonly table: ReconciledTable;
  readonly #source: string;
  readonly #seen: Visibility;
  readonly #since: number | null;
  readonly #version: ItemsSql;
  readonly #event: ItemsSql = eventItems('t.event');

  /**
   * `since`: the store's xmin at the run since which this one is; null for a run over everything. `absent`: columns that
   * the store does not have yet, as `absentColumns` names them.
   */
  constructor(
    table: ReconciledTable,
    source: string,
    seen: Visibility,
    since: number | null,
    absent: ReadonlySet<string> = new Set(),
  ) {
    this.table = table;
    this.#version = storeItems('v', ({ stored }) => absent.has(`${table.current} ${stored ?? ''}`));
    this.#since = since;
    this.#source = source;
    this.#seen = seen;
  }

  get current(): string {
    return this.table.current;
  }

  /** bucket, visible versions and their digests, and the smallest LSN of a version that is not visible. */
  currentDigests(buckets: number, pages: Pages | typeof pagesOfRange | null): string {
    // Looking again whether a version is visible would cost as much as it did the first time.
    const later = { lsn: 'v.lsn', filter: 'FILTER (WHERE h IS NULL)' };
    const fresh = this.#since === null ? null : `(${isFreshSql('v', this.#since)} OR ${this.#unsent} IS NOT NULL)`;
    return this.#digests(buckets, later, `${this.current} v WHERE ${pagesSql('v', pages)}`, fresh);
  }

  /** range, and the digests of the versions on its pages: of some ranges (`$1`). `unseen`: versions that are not visible. */
  rangeDigests(): string {
    return eachRangeSql(this.currentDigests(1, pagesOfRange));
  }

  /** What the digests of versions are of, whatever the snapshot sees of them. */
  get meaning(): string {
    return digestSql(this.table, this.#version);
  }

  /** The same of superseded versions whose end the snapshot does not see. */
  pastDigests(buckets: number): string {
    const later = { lsn: `CASE WHEN ${this.#isVisible} THEN v.lsn_to ELSE v.lsn END`, filter: '' };
    const fresh = this.#since === null ? null : 'true';
    return this.#digests(buckets, later, `${this.table.history} v WHERE ${this.#endsLater}`, fresh);
  }

  /**
   * bucket, and of the keys whose last event the snapshot sees was not accepted: what must be taken from the digests of
   * versions and put to them, so that they are the digests of what the source must have; and how many are explained.
   */
  troubleDigests(buckets: number): string {
    const same = 'h_version IS NOT DISTINCT FROM h_event';
    const explains = `NOT (${same})`;
    const outcome = (name: string): string =>
      `(count(*) FILTER (WHERE ${explains} AND outcome = '${name}'))::text AS ${name}`;
    return `SELECT ${buckets === 1 ? '0 AS bucket' : 'bucket'}, count(h_version)::text AS versions, ${digestColumns('h_version', 'version_')},
        count(h_event)::text AS events, ${digestColumns('h_event', 'event_')},
        ${outcome('rejected')}, ${outcome('held')}, ${outcome('loading')},
        (count(h_event) FILTER (WHERE ${explains}))::text AS in_source, (count(h_version) FILTER (WHERE ${explains}))::text AS in_store
        ${this.#since === null ? '' : ', array_agg(key) AS fresh'}
      FROM (SELECT ${bucketSql('key', buckets)} AS bucket, outcome, key,
              ${this.#since === null ? 'h_event' : `CASE WHEN h_event IS NOT NULL THEN ${keyHashSql('d.key')} END`} AS h_event,
              (SELECT ${this.#since === null ? digestSql(this.table, this.#version) : keyHashSql('d.key')} FROM (${this.#visibleVersions('v.*')}) v
               WHERE v.${this.table.laneKey} = d.lane_key AND v.${this.table.key[0]}::text = d.key LIMIT 1) AS h_version
            FROM (${this.#troubles()}) d ${onceSql}) b ${bucketColumns(buckets).grouped}`;
  }

  /** The smallest LSN of a refused event that the snapshot does not see. */
  troubleHorizon(): string {
    return `SELECT min(t.lsn)::text AS lsn FROM metering.last_received t
      WHERE t.entity = ${quoteLiteral(this.table.entity)} AND t.source = ${quoteLiteral(this.#source)} AND NOT ${this.#eventIsVisible}`;
  }

  /** key, lane key, digest, outcome (null for a version): of some buckets (`$1`), in the order of keys. */
  listing(buckets: number): string {
    return `SELECT * FROM (${this.#rows('true')}) r WHERE ${bucketSql('r.key', buckets)} = ANY ($1::int[]) ORDER BY key`;
  }

  /** The same of some keys (`$1`). */
  byKeys(): string {
    return this.#rows(this.#hasKey);
  }

  /** key, lane key, items as texts, columns whose value was not sent, stamps: of visible versions of some keys (`$1`). */
  details(): string {
    return this.#visibleVersions(
      `${keySql(this.table, this.#version)} AS key, ${laneKeySql(this.table, this.#version)} AS lane_key,
       ${textsSql(this.table, this.#version)} AS items, ${this.#unsent} AS unsent, v.xid, v.generation, v.lsn, v.ordinal, v.committed_at, v.applied_at`,
      this.#hasKey,
    );
  }

  /** key, digest, lsn: of some keys (`$1`), versions that the snapshot does not see. Ends that it does not see have no digest. */
  later(): string {
    const key = keySql(this.table, this.#version);
    const digest = digestSql(this.table, this.#version);
    return `SELECT ${key} AS key, ${digest}::text AS digest, v.lsn::text AS lsn FROM ${this.current} v
        WHERE ${this.#hasKey} AND ${this.#ours} AND NOT ${this.#isVisible}
      UNION ALL
      SELECT ${key}, CASE WHEN NOT ${this.#isVisible} THEN ${digest}::text END, coalesce(v.lsn_to, v.lsn)::text FROM ${this.table.history} v
        WHERE ${this.#hasKey} AND ${this.#ours} AND ${this.#endsLater}
      UNION ALL
      SELECT t.entity_key, NULL, t.lsn::text FROM metering.last_received t
        WHERE t.entity = ${quoteLiteral(this.table.entity)} AND t.source = ${quoteLiteral(this.#source)} AND t.entity_key = ANY ($1::text[])
          AND NOT ${this.#eventIsVisible}`;
  }

  /** key: of the rows whose good version a refused event has not replaced, also where it is not there, in the order of keys. */
  overruled(): string {
    const version = `SELECT ${digestSql(this.table, this.#version)} FROM (${this.#visibleVersions('v.*')}) v
      WHERE v.${this.table.laneKey} = d.lane_key AND v.${this.table.key[0]}::text = d.key`;
    return `SELECT DISTINCT d.key FROM (${this.#troubles()}) d
      WHERE EXISTS (SELECT FROM (${version}) o(h) WHERE o.h IS DISTINCT FROM d.h_event)
        OR (d.kept AND NOT EXISTS (${version})) ORDER BY d.key`;
  }

  /** key, outcome, rule codes: some of the refused rows (`$1`: how many). */
  refused(): string {
    return `SELECT d.key, d.outcome, ${this.#codes} AS codes
      FROM (${this.#troubles()}) d ORDER BY d.key LIMIT $1`;
  }

  /** key, outcome, rule codes: of those of some keys (`$1`) that are refused. */
  refusedOfKeys(): string {
    return `SELECT d.key, d.outcome, ${this.#codes} AS codes FROM (${this.#troubles('t.entity_key = ANY ($1::text[])')}) d`;
  }

  /** code, rows: refused rows by each of their broken rules, without some keys (`$1`). */
  refusedByRule(): string {
    return `SELECT code, count(*)::text AS rows FROM (
        SELECT DISTINCT d.lane_key, d.key, unnest(${this.#codes}) AS code
        FROM (${this.#troubles(withoutKeys)}) d) c
      GROUP BY code ORDER BY count(*) DESC, code`;
  }

  /**
   * standing, rules, distributor, supplier, day, rows: refused rows by whom they concern, without some keys (`$1`; `$2`: at most
   * so many lines).
   */
  refusedBreakdown(): string {
    const has = (name: string): boolean => this.table.items.some((item) => item.name === name);
    const told = (name: string): string => (has(name) ? `coalesce(d.event ->> '${name}', p.${name})` : `p.${name}`);
    const point = has('mpan_core') ? `d.event ->> 'mpan_core'` : 'NULL';
    return `SELECT outcome AS standing, codes AS rules, distributor, supplier, day, count(*)::int AS rows
      FROM (SELECT d.outcome, ${this.#codes} AS codes, ${told('distributor_mpid')} AS distributor, ${told('supplier_mpid')} AS supplier,
          (to_timestamp((d.event -> 'source' ->> 'sourceTime')::bigint / 1000000.0) AT TIME ZONE 'Europe/London')::date::text AS day
        FROM (${this.#troubles(withoutKeys)}) d LEFT JOIN metering.metering_point p ON p.mpan_core = ${point}) r
      GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*) DESC, 1, 2, 3, 4, 5 LIMIT $2`;
  }

  #digests(
    buckets: number,
    later: { readonly lsn: string; readonly filter: string },
    from: string,
    fresh: string | null,
  ): string {
    const key = keySql(this.table, this.#version);
    const digest = fresh === null ? digestSql(this.table, this.#version) : keyHashSql(key);
    const { columns, grouped } = bucketColumns(buckets);
    return `SELECT ${columns}, (count(*) - count(h))::text AS unseen, (min(later) ${later.filter})::text AS later${fresh === null ? '' : `, ${freshSql}`}
      FROM (SELECT ${bucketSql(key, buckets)} AS bucket,
              CASE WHEN ${this.#isVisible} THEN ${digest} END AS h, ${later.lsn} AS later${fresh === null ? '' : `, ${key} AS key, ${fresh} AS fresh`}
            FROM ${from} AND ${this.#ours} ${onceSql}) d ${grouped}`;
  }

  #visibleVersions(columns: string, condition = 'true'): string {
    const selected = columns === 'v.*' ? this.table.items.map(({ name }) => `v.${name}`).join(', ') : columns;
    return `SELECT ${selected} FROM ${this.current} v WHERE ${condition} AND ${this.#ours} AND ${this.#isVisible}
      UNION ALL
      SELECT ${selected} FROM ${this.table.history} v WHERE ${condition} AND ${this.#ours} AND ${this.#isVisible} AND ${this.#endsLater}`;
  }

  #troubles(condition = 'true'): string {
    return `SELECT t.lane_key, t.entity_key COLLATE "C" AS key, t.event, t.kept_lsn IS NOT NULL AS kept,
        CASE WHEN t.event ->> 'recordType' <> 'delete' THEN ${digestSql(this.table, this.#event)} END AS h_event,
        coalesce((SELECT CASE WHEN h.due IS NULL THEN 'loading' ELSE 'held' END FROM metering.held h
          WHERE h.lane_key = t.lane_key AND h.entity = t.entity AND h.entity_key = t.entity_key
            AND h.generation = t.generation AND h.lsn = t.lsn AND h.ordinal = t.ordinal LIMIT 1), 'rejected') AS outcome
      FROM metering.last_received t
      WHERE ${condition} AND t.entity = ${quoteLiteral(this.table.entity)} AND t.source = ${quoteLiteral(this.#source)} AND ${this.#eventIsVisible}`;
  }

  #rows(condition: string): string {
    const versions = this.#visibleVersions(
      `${keySql(this.table, this.#version)} AS key, ${laneKeySql(this.table, this.#version)} AS lane_key,
       ${digestSql(this.table, this.#version)}::text AS digest, NULL AS outcome, NULL::boolean AS kept`,
      condition,
    );
    if (this.table.laneKey === null) return versions;
    const chosen = condition === 'true' ? 'true' : 't.entity_key = ANY ($1::text[])';
    return `${versions} UNION ALL SELECT key, lane_key, h_event::text, outcome, kept FROM (${this.#troubles(chosen)}) e`;
  }

  /** The broken rules of a refused row `d`. */
  get #codes(): string {
    return `coalesce(
          (SELECT r.rule_codes FROM metering.rejection r WHERE r.lane_key = d.lane_key AND r.entity = ${quoteLiteral(this.table.entity)}
             AND r.entity_key = d.key AND r.status = 'open' ORDER BY r.generation DESC, r.lsn DESC, r.ordinal DESC LIMIT 1),
          (SELECT h.rule_codes FROM metering.held h WHERE h.lane_key = d.lane_key AND h.entity = ${quoteLiteral(this.table.entity)}
             AND h.entity_key = d.key ORDER BY h.generation DESC, h.lsn DESC, h.ordinal DESC LIMIT 1), '{}')`;
  }

  get #hasKey(): string {
    const [name] = this.table.key;
    if (this.table.key.length > 1 || name === undefined)
      return `${keySql(this.table, this.#version)} = ANY ($1::text[])`;
    const { kind } = itemOf(this.table, name);
    if (kind === 'mirrored') return `${keySql(this.table, this.#version)} = ANY ($1::text[])`;
    return kind === 'integer' ? `v.${name} = ANY ($1::text[]::bigint[])` : `v.${name} = ANY ($1::text[])`;
  }

  /** Of mirrored tables: the columns whose value the source left out. It is looked at whenever there is one. */
  get #unsent(): string {
    return this.table.items.some(({ kind }) => kind === 'mirrored') ? 'v.unsent' : 'NULL::text[]';
  }

  /** Rows of this source, and rows of none that we know: somebody has put them there. */
  get #ours(): string {
    const name = quoteLiteral(this.#source);
    return `(v.source = ${name} OR v.source IS NULL OR NOT EXISTS (SELECT FROM metering.applied_position a WHERE a.source = v.source))`;
  }

  get #isVisible(): string {
    return visibleSql(this.#seen, 'v.xid', 'v.generation');
  }

  /** A range first, so that an index tells where the few such rows are. */
  get #endsLater(): string {
    return `v.xid_to >= ${this.#seen.xmin} AND NOT ${visibleSql(this.#seen, 'v.xid_to', 'v.generation_to')}`;
  }

  get #eventIsVisible(): string {
    return visibleSql(this.#seen, "(t.event -> 'source' ->> 'xid')::bigint", 't.generation');
  }
}
