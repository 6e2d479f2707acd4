import { createMetrics } from '../../runtime/metrics.ts';
import { withDatabase } from '../../runtime/postgres.ts';
import { migrateMetering } from '../../connectors/metering/migrate.ts';
import { freshDatabase } from '../../test/database.fixture.ts';
import pino from 'pino';
import { expect, inject, it } from 'vitest';
import { addJudgement, openJudgement } from './judgement-metrics.ts';

const { meteringUrl } = inject('stack');

async function page(url: string, warnings: Record<string, number> = {}): Promise<string> {
  const judgement = openJudgement({ url }, { warnings }, 'registration');
  try {
    const metrics = createMetrics('metering');
    addJudgement(metrics, judgement);
    return await metrics.metrics();
  } finally {
    await judgement.close();
  }
}

it('rejections and held events are told by rule, as the store has them', async () => {
  const database = await freshDatabase(meteringUrl);
  try {
    await withDatabase({ url: database.url }, 'test', async (client) => {
      await migrateMetering(client, pino({ level: 'silent' }));
      // Only what is counted matters here: the other columns of the store are left empty.
      await client.query(`
        DO $$ DECLARE required text; BEGIN
          FOR required IN SELECT format('ALTER TABLE metering.%I ALTER %I DROP NOT NULL', table_name, column_name)
            FROM information_schema.columns WHERE table_schema = 'metering' AND is_nullable = 'NO'
            AND table_name IN ('rejection', 'held') AND column_name NOT IN ('rejection_id', 'held_id')
          LOOP EXECUTE required; END LOOP; END $$;
        INSERT INTO metering.rejection (rejection_id, rule_codes, status) VALUES
          (gen_random_uuid(), '{MPAN_FORMAT,EFD_TOO_FAR}', 'open'),
          (gen_random_uuid(), '{MPAN_FORMAT}', 'resolved');
        INSERT INTO metering.held (held_id, rule_codes) VALUES (gen_random_uuid(), '{SUPPLIER_UNKNOWN}');
        INSERT INTO metering.reconcile_run (source, at, seconds, verdict, unexplained, document, scope) VALUES
          ('registration', now() - interval '1 hour', 1, 'agree', 0, '{}', 'full'),
          ('registration', now(), 1, 'differ', 7, '{}', 'since'),
          ('registration', now(), 1, 'failed', NULL, '{}', 'full'),
          ('registration', now(), 1, 'agree', 0, '{}', 'table'),
          ('registration', now(), 1, 'failed', NULL, '{}', 'full'),
          ('registration', now(), 1, 'failed', NULL, '{}', 'full');
        INSERT INTO metering.verified_through VALUES ('registration', 'appointment', 1, 4711, now(), 1)`);
    });
    const text = await page(database.url, { LLF_CLASS_FORMAT: 3 });
    expect(text).toContain('concord_rejections_total{code="MPAN_FORMAT",side="metering"} 2\n');
    expect(text).toContain('concord_rejections_open{code="MPAN_FORMAT",side="metering"} 1\n');
    expect(text).toContain('concord_rejections_open{code="EFD_TOO_FAR",side="metering"} 1\n');
    expect(text).toContain('concord_held_events{code="SUPPLIER_UNKNOWN",side="metering"} 1\n');
    expect(text).toContain('concord_warnings_total{code="LLF_CLASS_FORMAT",side="metering"} 3\n');
    expect(text).toMatch(/concord_reconcile_last_pass_age_seconds\{side="metering"\} 3[67]\d\d/);
    expect(text).toContain('concord_reconcile_unexplained_rows{side="metering"} 7\n');
    expect(text).toContain('concord_reconcile_failed_in_a_row{side="metering"} 2\n');
    expect(text).toContain('concord_verified_through_lsn{table="appointment",side="metering"} 4711\n');
    expect(text).toContain('concord_reconcile_runs_total{verdict="failed",side="metering"} 3\n');
  } finally {
    await database.drop();
  }
});

it('a store that is away costs the page its figures, not the page', async () => {
  const text = await page('postgres://postgres@127.0.0.1:1/x', { LLF_CLASS_FORMAT: 3 });
  expect(text).toContain('concord_warnings_total{code="LLF_CLASS_FORMAT",side="metering"} 3\n');
  expect(text).not.toContain('concord_held_events{');
});
