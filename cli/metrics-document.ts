import { newSinkReport } from '../connectors/sink/report.ts';
import { newSourceReport } from '../connectors/source/report.ts';
import { newMeteringReport } from '../connectors/metering/report.ts';
import { Liveness } from './sides/liveness.ts';
import { metricsOf } from './sides/metrics.ts';
import { newLegStates, type Side } from './sides/side.ts';

/** `docs/metrics.md`: every metric, from the registry that Prometheus reads. */
export function metricsMarkdown(): string {
  const side: Side = {
    name: 'metering',
    sourceName: 'metering',
    readsFrom: 'registration',
    legs: [],
    states: newLegStates(),
    source: newSourceReport(),
    sink: newSinkReport(),
    pausing: { since: null, run: () => Promise.resolve(), watch: () => Promise.resolve() },
  };
  const judgement = {
    report: newMeteringReport(),
    read: () => Promise.resolve(null),
    readProof: () => Promise.resolve(null),
  };
  const metrics = metricsOf(side, new Liveness(side, 0, () => 0), judgement).getMetricsAsArray();
  const rows = metrics.map((metric) => {
    const labels = 'labelNames' in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [];
    const kind = metric.constructor.name.toLowerCase();
    return `| \`${metric.name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${metric.help} |`;
  });
  return `${opening}\n${rows.join('\n')}\n\n${alerts}`;
}

const opening = `# Metrics

Made by \`concord document\` from the program. \`/metrics\` of each side, on its HTTP port, in Prometheus' text format. Every metric
has the label \`side\`. Labels are sources, topics, lanes, outcomes and rule codes, never a key.

| metric | kind | labels | what |
|---|---|---|---|`;

const alerts = `## Alert rules to begin with

\`\`\`yaml
groups:
  - name: concord
    rules:
      - alert: ConcordDown
        expr: up{job="concord"} == 0
        for: 1m
        annotations: { summary: 'A side does not answer. Its slot holds WAL as long as it is away.' }
      - alert: ConcordProbe
        expr: concord_healthy == 0
        for: 2m
        annotations: { summary: 'A heartbeat does not come through from database to store. Run concord status.' }
      - alert: ConcordWalExhausted
        expr: concord_source_wal_exhausted_in_seconds < 4 * 3600
        for: 5m
        annotations: { summary: 'At this rate the server gives up our slot within four hours. Start the source, or raise max_slot_wal_keep_size.' }
      - alert: ConcordWalRetained
        expr: concord_source_retained_wal_bytes > 10e9
        for: 15m
        annotations: { summary: 'The slot holds more than 10 GB of WAL: is the source away, or is a long transaction open?' }
      - alert: ConcordLag
        expr: max by (side, source) (concord_sink_lag_seconds) > 60
        for: 5m
        annotations: { summary: 'The store is more than a minute behind its source.' }
      - alert: ConcordLatency
        expr: histogram_quantile(0.99, sum by (le, side) (rate(concord_sink_latency_milliseconds_bucket[5m]))) > 1000
        for: 15m
        annotations: { summary: 'One change in a hundred takes more than a second from commit to commit.' }
      - alert: ConcordDeadLetters
        expr: increase(concord_sink_dead_letters_total[1h]) > 0
        annotations: { summary: 'A record could not be decoded. See concord explain EVENT_UNREADABLE.' }
      - alert: ConcordRestarts
        expr: increase(concord_leg_restarts_total[15m]) > 5
        annotations: { summary: 'A leg fails again and again. Its log has the code.' }
      - alert: ConcordRejections
        expr: sum by (code) (increase(concord_rejections_total[1h])) > 100
        annotations: { summary: 'Many events break the same rule: is reference data missing? See concord rejections list.' }
      - alert: ConcordUnproved
        expr: concord_reconcile_last_pass_age_seconds > 26 * 3600
        annotations: { summary: 'No reconcile has passed for more than a day. Does concord reconcile --every still run? See concord reconcile history.' }
      - alert: ConcordReconcileFails
        expr: concord_reconcile_failed_in_a_row > 2
        for: 5m
        annotations: { summary: 'Reconcile can not compare, again and again. concord reconcile history has the code of each run, concord explain what to do.' }
      - alert: ConcordUnexplained
        expr: concord_reconcile_unexplained_rows > 0
        annotations: { summary: 'The last reconcile found rows that nothing explains. concord reconcile --repair shows what would correct them.' }
      - alert: ConcordHeld
        expr: sum(concord_held_events) > 1000
        for: 1h
        annotations: { summary: 'Many events wait for what may still arrive. See concord held list.' }
\`\`\`
`;
