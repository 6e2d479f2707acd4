import { explanationOf } from '../../runtime/codes.ts';
import { Fault } from '../../runtime/fault.ts';

/** Something that keeps Concord from working, as a value: where, what, and what to do. */
export interface Finding {
  readonly place: string;
  readonly code: string;
  readonly text: string;
  readonly remedy: string;
}

/** A finding whose remedy is the one of the code's explanation, unless there is a more exact one. */
export function finding(place: string, code: string, text: string, remedy?: string): Finding {
  return { place, code, text, remedy: remedy ?? explanationOf(code)?.remedy ?? `See \`concord explain ${code}\`.` };
}

/** A check that could not be made because its server is away, or refuses us, is itself a finding. A bug is thrown. */
export async function attempt(place: string, check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof Fault) return [finding(place, error.code, error.message)];
    throw error;
  }
}
