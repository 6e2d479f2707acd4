import { expect, test } from 'vitest';
import { itemFields, loadSchema } from '../../avro/schemas.ts';
import type { TableRoute } from '../source/contract.ts';
import { type RegistrationMapping, registrationRoutes } from './routes.ts';

function routeOf(entity: string, mapping: RegistrationMapping = {}): TableRoute {
  const route = registrationRoutes('smrs', mapping).find((one) => one.entity === entity);
  if (route === undefined) throw new Error(`no route of ${entity}`);
  return route;
}

test.each([
  ['metering_point', 'metering-point'],
  ['appointment', 'appointment-mss'],
  ['participant', 'participant'],
  ['distributor_gsp_group', 'distributor'],
  ['meter_asset', 'meter-asset'],
  ['receipt', 'receipt'],
] as const)('the route of %s has exactly the items of the schema %s', (entity, schema) => {
  const items = itemFields(loadSchema(schema)).map((field) => field.name);
  expect(Object.values(routeOf(entity).items).toSorted()).toEqual(items.toSorted());
});

test('names that differ are mapped wherever the column is used', () => {
  const route = routeOf('appointment', {
    tables: {
      appointment: {
        schema: 'SMRS',
        table: 'Agents',
        columns: { appointment_id: 'id', mpan_core: 'MPAN', service_type: 'kind', reason: null },
        correlation: 'request',
      },
    },
  });
  expect(route).toMatchObject({
    schema: 'SMRS',
    table: 'Agents',
    primaryKey: ['id'],
    messageKey: ['MPAN'],
    topic: { kind: 'by-column', column: 'kind', otherwise: 'smrs.appointment.mss' },
    correlationColumn: 'request',
  });
  expect(route.items).toMatchObject({ id: 'appointment_id', MPAN: 'mpan_core', kind: 'service_type', mpid: 'mpid' });
  expect(Object.values(route.items)).not.toContain('reason');
});

test('reference data is loaded first, then metering points, then appointments', () => {
  const order = registrationRoutes('smrs').toSorted((a, b) => a.loadOrder - b.loadOrder);
  expect(order.map((route) => route.entity).slice(0, 4)).toEqual([
    'participant',
    'distributor_gsp_group',
    'metering_point',
    'appointment',
  ]);
});
