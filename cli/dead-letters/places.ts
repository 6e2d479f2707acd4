import type { StoredLetter } from '../../connectors/sink/redrive.ts';
import { readLetters } from '../../connectors/sink/redrive.ts';
import type { StoreSchema } from '../../connectors/sink/settings.ts';
import type { SourceSettings } from '../../connectors/source/contract.ts';
import { type DatabaseSettings, withDatabase } from '../../runtime/postgres.ts';
import { generatedSchemas } from '../generated-schemas.ts';
import { type GeneratedSchemas } from '../mirrors.ts';
import { UsageError } from '../output.ts';
import type { Settings } from '../settings.ts';
import { meteringSourceOf, registrationSourceOf } from '../sides/settings-of.ts';

/** A side that sets records aside: where it keeps them, and the source that they came from. */
export interface LetterBox {
  readonly side: 'metering' | 'registration';
  readonly schema: StoreSchema;
  readonly store: DatabaseSettings;
  readonly source: SourceSettings;
  readonly sourceDatabase: DatabaseSettings;
}

export interface BoxedLetter extends StoredLetter {
  readonly box: LetterBox;
}

export function letterBoxes(settings: Settings, generated: GeneratedSchemas): readonly LetterBox[] {
  const { registration, metering } = settings;
  return [
    {
      side: 'metering',
      schema: 'metering',
      store: metering.database,
      source: registrationSourceOf(settings, generated),
      sourceDatabase: registration.database,
    },
    {
      side: 'registration',
      schema: 'concord',
      store: registration.database,
      source: meteringSourceOf(settings),
      sourceDatabase: metering.database,
    },
  ];
}

/** Every dead letter of both sides, in the order in which they came. */
export async function readBoxes(settings: Settings): Promise<readonly BoxedLetter[]> {
  const generated = await generatedSchemas(settings);
  const found = await Promise.all(
    letterBoxes(settings, generated).map((box) =>
      withDatabase(box.store, 'concord dead-letters', async (client) => {
        const { rows } = await client.query<{ there: boolean }>(
          `SELECT to_regclass('${box.schema}.redrive') IS NOT NULL AS there`,
        );
        if (rows[0]?.there !== true)
          throw new UsageError('The databases are not prepared for it yet. Run `concord init`.');
        return (await readLetters(client, box.schema)).map((letter) => ({ ...letter, box }));
      }),
    ),
  );
  return found.flat().toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

/** How a letter is called: where it lay. `registration.metering-point/1@42` */
export function letterName({ topic, partition, offset }: StoredLetter): string {
  return `${topic}/${partition}@${offset}`;
}
