import type { ClientBase } from 'pg';
import { Fault } from '../../../runtime/fault.ts';
import type { MapLine, MapQuestion } from './lines.ts';

export interface MapReport {
  /** In the table of runs. */
  readonly run: number;
  readonly lines: readonly MapLine[];
}

/**
 * Runs the report as the user of the connection. Two transactions: the first is the row in the table of runs, and only
 * when that is committed does the second get its lines. Rejects with a Fault that says why the user may not see it.
 */
export async function runMapReport(client: ClientBase, question: MapQuestion): Promise<MapReport> {
  await checkInstalled(client);
  const { map, installedFrom, installedTo, removedFrom, removedTo, manufacturer, deviceStatus, supplier, asAt } =
    question;
  const opened = await client.query<{ run_id: string; refused_code: string | null }>(
    `SELECT run_id, refused_code
       FROM report.open_map_report($1, $2::date, $3::date, $4::date, $5::date, $6, $7, $8, $9::date, $10)`,
    [
      map,
      installedFrom,
      installedTo,
      removedFrom,
      removedTo,
      manufacturer,
      deviceStatus,
      supplier,
      asAt,
      question.reveal,
    ],
  );
  const [{ run_id: run, refused_code: code } = { run_id: '', refused_code: 'REPORT_RUN_UNKNOWN' }] = opened.rows;
  if (code !== null) throw refusalOf(code, map, run);
  // A grant may have ended in between: that is told by a warning, because an error would undo its row in the table of runs.
  let warning: string | null = null;
  const listen = ({ message }: { readonly message?: string | undefined }): void => {
    warning ??= message ?? '';
  };
  client.on('notice', listen);
  const { rows } = await client.query<{ line: MapLine }>(
    'SELECT to_jsonb(l) AS line FROM report.read_map_report($1) l',
    [run],
  );
  client.off('notice', listen);
  if (warning !== null) throw refusalOf('REPORT_RUN_UNKNOWN', map, run);
  return { run: Number(run), lines: rows.map(({ line }) => line) };
}

/** Rejects with a Fault when the migration of the report has not been run. */
export async function checkInstalled(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regnamespace('report') IS NOT NULL AS there`);
  if (rows[0]?.there === true) return;
  throw new Fault('misconfigured', 'REPORT_MIGRATION_MISSING', 'The metering store has no tables of the report yet.');
}

function refusalOf(code: string, map: string, run: string): Fault {
  const context = { map, run };
  const kept = `The attempt is kept as run ${run}.`;
  switch (code) {
    case 'REPORT_NOT_REGISTERED':
      return new Fault('refused', 'REPORT_NOT_REGISTERED', `This user is not registered as a MAP. ${kept}`, context);
    case 'REPORT_OTHER_MAP':
      return new Fault('refused', 'REPORT_OTHER_MAP', `This user is another MAP than ${map}. ${kept}`, context);
    case 'REPORT_SUPPLIER_WITHHELD':
      return new Fault(
        'refused',
        'REPORT_SUPPLIER_WITHHELD',
        `Suppliers are not shown to ${map}, so they can not be asked for. ${kept}`,
        context,
      );
    case 'REPORT_PERSONAL_WITHHELD':
      return new Fault(
        'refused',
        'REPORT_PERSONAL_WITHHELD',
        `MPxN, postcode and UPRN are shown to ${map} masked only. ${kept}`,
        context,
      );
    default:
      return new Fault('refused', 'REPORT_RUN_UNKNOWN', `Run ${run} may not be read any more.`, context);
  }
}
