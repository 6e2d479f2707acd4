import { expect, inject, test } from 'vitest';
import { SilentProxy } from '../../test/silent-proxy.fixture.ts';
import { withSnapshot } from './snapshot.ts';

const limitMs = 400;

test('a comparison that takes its time is waited for, and one by a server that has fallen silent is not', async () => {
  const { meteringUrl } = inject('stack');
  const proxy = await SilentProxy.open(meteringUrl);
  try {
    const database = { url: proxy.through(meteringUrl) };
    const answer = await withSnapshot(
      database,
      async (client) => (await client.query<{ done: string }>(`SELECT pg_sleep(1.5)::text || 'done' AS done`)).rows,
      limitMs,
    );
    expect(answer).toEqual([{ done: 'done' }]);
    const silent = withSnapshot(
      database,
      async (client) => {
        const asked = client.query('SELECT pg_sleep(60)');
        proxy.silenceAll(() => true);
        await asked;
      },
      limitMs,
    );
    await expect(silent).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
      message: expect.stringContaining('has said nothing') as string,
    });
  } finally {
    await proxy.close();
  }
});
