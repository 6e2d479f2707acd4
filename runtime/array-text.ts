const special = /["\\]/g;

/** A one-dimensional array as PostgreSQL's text of it. */
export function arrayText(elements: readonly (string | number)[]): string {
  return `{${elements.map((one) => (typeof one === 'number' ? one : `"${one.replace(special, '\\$&')}"`)).join(',')}}`;
}
