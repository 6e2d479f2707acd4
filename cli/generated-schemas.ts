import { evolvedSchema } from '../avro/mirror-evolution.ts';
import { mirrorSchema } from '../avro/mirror-schema.ts';
import type { RecordSchema } from '../avro/schemas.ts';
import { Fault } from '../runtime/fault.ts';
import { registryOf } from './connections.ts';
import { type GeneratedSchemas, mirroredShapes, newestSchema, noGenerated } from './mirrors.ts';
import type { Settings } from './settings.ts';

/** The schemas that the source registers: what is registered already, after it has followed the tables where it can. */
export async function generatedSchemas(settings: Settings): Promise<GeneratedSchemas> {
  const shapes = await mirroredShapes(settings);
  if (shapes.size === 0) return noGenerated;
  const registry = registryOf(settings);
  try {
    const found = new Map<string, RecordSchema>();
    for (const [topic, shape] of shapes) {
      const registered = await newestSchema(registry, topic).catch(absentIfAway);
      found.set(topic, registered === null ? mirrorSchema(shape) : evolvedSchema(registered, shape).schema);
    }
    return found;
  } finally {
    registry.close();
  }
}

/** What is registered can not be told now; whoever needs the registry for more says so. */
function absentIfAway(error: unknown): null {
  if (error instanceof Fault && error.kind === 'unavailable') return null;
  throw error;
}
