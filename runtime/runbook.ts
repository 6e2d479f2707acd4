import { explanationsByArea } from './codes.ts';
import type { FaultKind } from './fault.ts';
import { reactionTo } from './retry-policy.ts';

/** Every kind of fault, in the order in which they are met; a new kind does not compile until it has its words. */
const kinds: Readonly<Record<FaultKind, string>> = {
  unavailable: 'a server is away or overloaded',
  fenced: 'somebody else took our place',
  refused: 'a server refuses us',
  misconfigured: 'the configuration or the set-up of a server is wrong',
  gap: "the source's history is broken",
  corrupt: 'data can not be read',
};

export function faultKinds(): readonly FaultKind[] {
  return Object.keys(kinds) as FaultKind[];
}

/** `docs/runbook.md`, from the same data as `concord explain` and the log. */
export function runbookMarkdown(): string {
  const faults = faultKinds().map((kind) => {
    const { action, delayMaxMs, sentence } = reactionTo(kind);
    const who = action === 'operator' ? 'you' : 'nobody';
    return `| \`${kind}\` | ${kinds[kind]} | ${who} | ${delayMaxMs / 1000} s | ${sentence} |`;
  });
  const areas = explanationsByArea.map(
    ({ area, explanations }) =>
      `## ${area}\n\n${explanations
        .map(
          ({ code, title, meaning, remedy }) =>
            `### ${code}\n\n${title}.\n\n- **What it means:** ${meaning}\n- **What to do:** ${remedy}\n`,
        )
        .join('\n')}`,
  );
  return `${opening}
${faults.join('\n')}

${areas.join('\n')}`;
}

const opening = `# Runbook

Made by \`concord document\` from what the program itself says: \`concord explain CODE\` prints the same words.

## What to look at first

1. \`concord status\`. It begins with the problems, each with its code and what to do, and ends with exit code 3 if there is one.
2. \`concord check\`. It looks at databases, Kafka, registry and ports, changes nothing, and tells everything at once.
3. The log of the side that has the problem: one JSON object a line, each fault with \`kind\`, \`code\` and \`cause\`. Read the first
   one, not the last. The embedded stack has its logs in \`<data-dir>/logs/\`.
4. \`concord_source_retained_wal_bytes\` and \`concord_source_wal_exhausted_in_seconds\` (\`docs/metrics.md\`). As long as a source
   does not run, its slot holds WAL on the database server: this is the only thing that gets worse by waiting.

Restarting a process is always safe: positions are durable, and each event is on its topic and in its store exactly once whatever is
killed when. Dropping or advancing a replication slot, deleting a topic, and changing tables of ours by hand are never safe.

## Kinds of faults

A fault ends one leg (a source or a sink) of one side; the other leg and the other side go on. The leg is started again by itself, with
pauses that grow to the longest one named here.

| kind | what happened | who must act | longest pause | what it means |
|---|---|---|---|---|`;
