import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { demandFree, isFree, settlePorts } from './ports.ts';
import { portNames } from './state.ts';

describe('the ports of a stack', () => {
  it('are all different, kept where there are some, and the given ones where given', async () => {
    const first = await settlePorts({}, { kafka: 4_711 });
    expect(first.kafka).toBe(4_711);
    expect(new Set(Object.values(first)).size).toBe(portNames.length);
    expect(await settlePorts(first, {})).toEqual(first);
    expect(await settlePorts(first, { registry: 4_712 })).toEqual({ ...first, registry: 4_712 });
  });

  it('that are in use are told with their owner and what to do', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      expect(await isFree(port)).toBe(false);
      await expect(demandFree('registry', port)).rejects.toThrow(
        `Port ${port}, which belongs to registry, is in use by another program. Stop that program, or start with another port: concord up --port registry=NUMBER.`,
      );
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await expect(demandFree('registry', port)).resolves.toBeUndefined();
  });
});
