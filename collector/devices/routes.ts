/** /api/bellwether/devices */
import type { Clock } from '@bellwether/shared';
import type { DeviceDetail } from '@bellwether/shared/api';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { deviceBody } from './config.ts';
import type { Devices } from './devices.ts';
import { deviceReadings, type QueryInstant } from './ports.ts';

export interface DevicesApiOptions {
  readonly devices: Devices;
  readonly query: QueryInstant;
  readonly clock: Clock;
  /** Written into the event log: who did what. */
  readonly record: (text: string) => void;
}

const READ = { access: 'read' } as const;
const OPERATE = { access: 'operate' } as const;
const byId = z.object({ id: z.string().max(64) });

export function devicesApi({ devices, query, clock, record }: DevicesApiOptions): FastifyPluginAsync {
  return async (fastify) => {
    const app = fastify.withTypeProvider<ZodTypeProvider>();

    app.get('/api/bellwether/devices', { config: READ }, () => devices.list());

    app.post('/api/bellwether/devices', { config: OPERATE, schema: { body: deviceBody } }, async (request, reply) => {
      const device = await devices.create(request.body);
      record(`${request.principal?.name ?? 'unknown'} added the device ${device.name}.`);
      return reply.code(201).send(device);
    });

    app.get('/api/bellwether/devices/:id', { config: READ, schema: { params: byId } }, async ({ params }): Promise<DeviceDetail> => {
      const device = devices.get(params.id);
      const { state, reason, name } = device;
      return { device, state, reason, ...(await deviceReadings(query, name, clock.now())) };
    });

    app.put('/api/bellwether/devices/:id', { config: OPERATE, schema: { params: byId, body: deviceBody } }, async (request) => {
      const device = await devices.update(request.params.id, request.body);
      record(`${request.principal?.name ?? 'unknown'} changed the device ${device.name}.`);
      return device;
    });

    app.delete('/api/bellwether/devices/:id', { config: OPERATE, schema: { params: byId } }, async (request, reply) => {
      const device = await devices.remove(request.params.id);
      record(`${request.principal?.name ?? 'unknown'} removed the device ${device.name}.`);
      return reply.code(204).send();
    });
  };
}
