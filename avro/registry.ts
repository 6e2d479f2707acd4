import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import type registryApi from '@kafkajs/confluent-schema-registry/dist/api/index.js';
import { Fault } from '../runtime/fault.ts';
import type { SchemaConflict } from './compatibility.ts';
import { conflictsBetween } from './compatibility.ts';
import { notARegistry, registryFault, statusOf } from './registry-fault.ts';
import type { RecordSchema } from './schemas.ts';
import { parseForeignSchema } from './schemas.ts';

// Required, because what its default export is depends on who loads the CommonJS module.
const require = createRequire(import.meta.url);
const { default: createApi } = require('@kafkajs/confluent-schema-registry/dist/api/index.js') as typeof registryApi;

/** `tls` is what tls.connect wants: contents, not file names. */
export interface RegistrySettings {
  /** The Confluent-compatible base URL. */
  readonly url: string;
  readonly tls?:
    | {
        readonly ca?: Buffer | string;
        readonly cert?: Buffer | string;
        readonly key?: Buffer | string;
        readonly servername?: string;
        readonly rejectUnauthorized?: boolean;
      }
    | undefined;
  readonly basicAuth?: { readonly username: string; readonly password: string } | undefined;
  /** How long one answer may take; 10 s where it is not said. */
  readonly answerMaxMs?: number;
}

export interface SubjectVersion {
  readonly version: number;
  readonly id: number;
  /** The schema as it was registered. */
  readonly text: string;
}

/** What is in conflict with one version of a subject. */
export interface VersionConflict extends SchemaConflict {
  readonly version: number;
}

/**
 * The schema registry. Every method rejects with a Fault: REGISTRY_UNAVAILABLE, REGISTRY_REFUSED, REGISTRY_ERROR,
 * and REGISTRY_INCOMPATIBLE where a schema is registered.
 */
export interface SchemaRegistry {
  /** Sets the compatibility, then registers the schema if the subject does not have it. Idempotent. The schema's id. */
  ensureSubject(subject: string, schema: RecordSchema, compatibility: string): Promise<number>;
  /** What keeps the schema from being registered, each with the field; empty when nothing does. Registers nothing. */
  checkCompatibility(subject: string, schema: RecordSchema): Promise<readonly VersionConflict[]>;
  /** The id of this very schema under the subject; null when it is not registered there. */
  idOf(subject: string, schema: RecordSchema): Promise<number | null>;
  /** The text of a schema; null when the registry has none with that id. */
  schemaById(id: number): Promise<string | null>;
  setCompatibility(subject: string, compatibility: string): Promise<void>;
  /** Null when the subject has no level of its own. */
  compatibilityOf(subject: string): Promise<string | null>;
  /** Every version that was not deleted, oldest first; empty when there is no such subject. */
  versions(subject: string): Promise<readonly SubjectVersion[]>;
  /** Ends kept-alive connections. */
  close(): void;
}

export function openRegistry(settings: RegistrySettings): SchemaRegistry {
  const { url, tls = {}, basicAuth, answerMaxMs = 10_000 } = settings;
  const agent = url.startsWith('https:')
    ? new https.Agent({ ...tls, keepAlive: true })
    : new http.Agent({ keepAlive: true });
  const api = createApi({
    host: url.replace(/\/+$/, ''),
    clientId: 'concord',
    agent,
    // The caller knows how to wait: a fault is told at once.
    retry: { retries: 0 },
    ...(basicAuth === undefined ? {} : { auth: { ...basicAuth } }),
  });

  /** The answer's data, or null where the registry itself says that there is no such thing. */
  async function ask(what: string, request: Promise<{ data(): unknown }>): Promise<Answer | null> {
    try {
      const response = await withDeadline(request, answerMaxMs);
      const data = response.data();
      if (typeof data === 'object' && data !== null) return { ...data };
      throw new Fault('misconfigured', 'REGISTRY_ERROR', notARegistry(url), { what });
    } catch (error) {
      if (statusOf(error) !== 404) throw registryFault(error, url, what);
      await confirmRegistry();
      return null;
    }
  }

  /** Any web server answers 404. Only a registry lists subjects, so only its 404 says that there is no such thing. */
  async function confirmRegistry(): Promise<void> {
    const what = 'list its subjects';
    try {
      const response = await withDeadline<{ data(): unknown }>(api.Subject.all({}), answerMaxMs);
      if (!Array.isArray(response.data()))
        throw new Fault('misconfigured', 'REGISTRY_ERROR', notARegistry(url), { what });
    } catch (error) {
      throw registryFault(error, url, what);
    }
  }

  const registry: SchemaRegistry = {
    ensureSubject: async (subject, schema, compatibility) => {
      // Before anything is registered: a registry that answers NONE would let the first mistake through.
      if ((await registry.compatibilityOf(subject)) !== compatibility) {
        await registry.setCompatibility(subject, compatibility);
      }
      const known = await registry.idOf(subject, schema);
      if (known !== null) return known;
      try {
        const body = { schema: JSON.stringify(schema) };
        return numberIn(await ask(`register ${subject}`, api.Subject.register({ subject, body })), 'id');
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'REGISTRY_INCOMPATIBLE') throw error;
        throw await incompatible(subject, schema, error);
      }
    },

    checkCompatibility: async (subject, schema) => {
      const versions = await registry.versions(subject);
      const conflicts = versions.flatMap(({ version, text }) => conflictsWith(version, text, schema));
      if (conflicts.length > 0 || versions.length === 0) return conflicts;
      // The registry has the last word: it enforces its own rules, whatever we find.
      const body = { schema: JSON.stringify(schema) };
      const answer = await ask(`check ${subject}`, api.Subject.compatible({ subject, body }));
      if (answer?.['is_compatible'] !== false) return [];
      const latest = versions.at(-1)?.version ?? 1;
      return [{ version: latest, field: null, problem: 'the registry says that it is not compatible, and not why' }];
    },

    idOf: async (subject, schema) => {
      const body = { schema: JSON.stringify(schema) };
      const answer = await ask(`look for the schema of ${subject}`, api.Subject.registered({ subject, body }));
      return answer === null ? null : numberIn(answer, 'id');
    },

    schemaById: async (id) => {
      const answer = await ask(`read schema ${id}`, api.Schema.find({ id }));
      return answer === null ? null : textIn(answer, 'schema');
    },

    setCompatibility: async (subject, compatibility) => {
      const what = `set the compatibility of ${subject}`;
      const set = (): Promise<Answer | null> =>
        ask(what, api.Subject.updateConfig({ subject, body: { compatibility } }));
      // Two that make the first rule of a subject at once: Apicurio refuses the later one, which finds the rule there now.
      const answer = await set().catch((error: unknown) => {
        if (error instanceof Fault && error.code === 'REGISTRY_INCOMPATIBLE') return set();
        throw error;
      });
      if (answer === null) throw new Fault('misconfigured', 'REGISTRY_ERROR', notARegistry(url), { subject });
    },

    compatibilityOf: async (subject) => {
      const answer = await ask(`read the compatibility of ${subject}`, api.Subject.config({ subject }));
      return answer === null ? null : textIn(answer, 'compatibilityLevel').toUpperCase();
    },

    versions: async (subject) => {
      const latest = await ask(`read ${subject}`, api.Subject.latestVersion({ subject }));
      if (latest === null) return [];
      // The client can not list versions, but it can ask for each; deleted ones are absent.
      const found: SubjectVersion[] = [];
      for (let version = 1; version < numberIn(latest, 'version'); version += 1) {
        const answer = await ask(`read version ${version} of ${subject}`, api.Subject.version({ subject, version }));
        if (answer !== null) found.push(versionIn(answer));
      }
      return [...found, versionIn(latest)];
    },

    close: () => agent.destroy(),
  };

  async function incompatible(subject: string, schema: RecordSchema, refusal: Fault): Promise<Fault> {
    const conflicts = await registry.checkCompatibility(subject, schema);
    const told = conflicts.map(
      ({ version, field, problem }) => `${field ?? 'the record'} ${problem} (version ${version})`,
    );
    const text = told.length > 0 ? told.join('; ') : refusal.message;
    return new Fault(
      'misconfigured',
      'REGISTRY_INCOMPATIBLE',
      `The schema of ${subject} is in conflict with what is registered: ${text}. ` +
        'Add items with a default and leave the others as they are; `concord schemas diff` shows the differences.',
      { subject, fields: conflicts.map(({ field }) => field ?? '').join(',') },
      refusal.cause,
    );
  }

  return registry;
}

/**
 * The writers' schemas for a decoder whose topics have these subjects. That an id is absent is held against a record
 * only by a registry that still has one of the subjects: an emptied registry must not send good records to the dead
 * letter topic.
 */
export function writerSchemas(
  registry: SchemaRegistry,
  subjects: readonly string[],
): (id: number) => Promise<string | null> {
  return async (id) => {
    const text = await registry.schemaById(id);
    if (text !== null) return text;
    for (const subject of subjects) {
      if ((await registry.versions(subject)).length > 0) return null;
    }
    throw new Fault(
      'misconfigured',
      'REGISTRY_EMPTY',
      `The schema registry has neither schema ${id} nor any of our subjects: it has lost its content, or it is another one. ` +
        'Nothing is skipped. Restore it, or correct `registry.url`.',
      { id, subjects: subjects.length },
    );
  };
}

type Answer = { readonly [name: string]: unknown };

/** An answer that breaks off in the middle is never told by the library: the deadline ends the wait. */
async function withDeadline<T>(request: Promise<T>, answerMaxMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${answerMaxMs} ms`)), answerMaxMs);
  });
  try {
    return await Promise.race([request, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function conflictsWith(version: number, text: string, schema: RecordSchema): VersionConflict[] {
  const older = parseForeignSchema(text);
  if (older === null) return [{ version, field: null, problem: 'is a record, and what is registered is none' }];
  return conflictsBetween(older, schema).map((conflict) => ({ ...conflict, version }));
}

function versionIn(answer: Answer): SubjectVersion {
  return { version: numberIn(answer, 'version'), id: numberIn(answer, 'id'), text: textIn(answer, 'schema') };
}

function numberIn(answer: Answer | null, name: string): number {
  const value = answer?.[name];
  if (typeof value === 'number') return value;
  throw new Fault('misconfigured', 'REGISTRY_ERROR', `The schema registry answers without ${name}.`, { name });
}

function textIn(answer: Answer, name: string): string {
  const value = answer[name];
  if (typeof value === 'string') return value;
  throw new Fault('misconfigured', 'REGISTRY_ERROR', `The schema registry answers without ${name}.`, { name });
}
