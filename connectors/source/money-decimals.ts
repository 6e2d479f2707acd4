import type pg from 'pg';
import type { TableRoute } from './contract.ts';
import type { SourceFinding } from './finding.ts';
import { routeColumns, tableName } from './route-columns.ts';
import { quoteIdentifier, quoteTable } from './sql.ts';
import type { CatalogTable } from './table-catalog.ts';

/** Decimals of an amount in the locale `C`, in which values of `money` travel. */
const decimalsThatTravel = 2;

/**
 * Columns of `money` whose amounts would be others on the topic. PostgreSQL keeps an amount as a whole number, and only
 * `lc_monetary` says how many of its digits are decimals: 1000 yen, read as dollars, are $10.00.
 * `client`: a session with the settings of whoever writes, not with those under which we read values.
 */
export async function moneyFindings(
  client: pg.Client,
  route: TableRoute,
  { columns }: CatalogTable,
): Promise<readonly SourceFinding[]> {
  const routed = new Set(routeColumns(route));
  const found = columns.filter(({ name, type }) => routed.has(name) && /^money(\[\])*$/.test(type));
  if (found.length === 0) return [];
  const { rows } = await client.query<{ decimals: number; locale: string }>(
    `SELECT length(('x' || encode(cash_send('1'::money), 'hex'))::bit(64)::bigint::text) - 1 AS decimals, current_setting('lc_monetary') AS locale`,
  );
  const [server] = rows;
  if (server === undefined || server.decimals === decimalsThatTravel) return [];
  return found.map(({ name, type }) => ({
    code: 'MONEY_DECIMALS',
    text: `The column ${name} of ${tableName(route)} is of the type ${type}, whose amounts have ${server.decimals} decimals in this database (lc_monetary is ${server.locale}). They travel with ${decimalsThatTravel}, and so as other amounts.`,
    remedy: `ALTER TABLE ${quoteTable(route)} ALTER COLUMN ${quoteIdentifier(name)} TYPE ${type.replace('money', 'numeric')} USING ${quoteIdentifier(name)}::${type.replace('money', 'numeric')}.`,
  }));
}
