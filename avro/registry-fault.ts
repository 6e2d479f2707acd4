import { Fault } from '../runtime/fault.ts';

/** A failure of the registry's client as a fault; faults pass unchanged. `what` was asked of it, as an infinitive. */
export function registryFault(error: unknown, url: string, what: string): Fault {
  if (error instanceof Fault) return error;
  const status = statusOf(error);
  const message = (error instanceof Error ? error.message : String(error)).replace(/^concord - /, '').slice(0, 500);
  const context = { what, status };
  // The client library tells a connection that failed as status 400 too; an answer of the registry has a message.
  const unreachable = status === 400 && message.startsWith('Error, status 400:');
  if (status === 401 || status === 403 || (unreachable && /certificate|alert|self-signed/i.test(message))) {
    return new Fault(
      'refused',
      'REGISTRY_REFUSED',
      `The schema registry refuses to ${what}: ${message}.`,
      context,
      error,
    );
  }
  if (status === 409) return new Fault('misconfigured', 'REGISTRY_INCOMPATIBLE', message, context, error);
  if (status === 404) return new Fault('misconfigured', 'REGISTRY_ERROR', notARegistry(url), context, error);
  if (status !== null && !unreachable && status < 500 && status !== 408 && status !== 429) {
    return new Fault(
      'misconfigured',
      'REGISTRY_ERROR',
      `The schema registry can not ${what}: ${message}.`,
      context,
      error,
    );
  }
  return new Fault(
    'unavailable',
    'REGISTRY_UNAVAILABLE',
    `The schema registry does not answer when asked to ${what}: ${message}.`,
    context,
    error,
  );
}

export function notARegistry(url: string): string {
  const { host, pathname } = new URL(url);
  return `What answers at ${host}${pathname} is no schema registry. Give the Confluent-compatible base URL in \`registry.url\`.`;
}

/** The HTTP status in an error of the client library; null where there is none. */
export function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('status' in error)) return null;
  return typeof error.status === 'number' ? error.status : null;
}
