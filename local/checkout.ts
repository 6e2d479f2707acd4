import { existsSync } from 'node:fs';
import path from 'node:path';

/** The directory of the checkout, found from this file: it is one deeper in `dist/` than in the sources. */
export const checkoutDirectory = findCheckout(import.meta.dirname);

/** Where the embedded stack lives unless told otherwise. */
export const defaultDataDirectory = path.join(checkoutDirectory, '.concord');

/** The built command line. */
export const commandLineFile = path.join(checkoutDirectory, 'dist', 'cli', 'concord.js');

function findCheckout(from: string): string {
  if (existsSync(path.join(from, 'package.json'))) return from;
  const parent = path.dirname(from);
  if (parent === from) throw new Error('Concord does not run from its checkout: there is no package.json above it.');
  return findCheckout(parent);
}
