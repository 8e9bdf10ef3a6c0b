/** Bellwether's own API, `/api/bellwether/*`: shapes in shared/api.ts. Handlers only check, call and answer. */
import { AppError, type Clock, labelsToRecord, type Millis, parseDuration } from '@bellwether/shared';
import type { AlertView, ChartData, DeliveryView, EventView, HostDetail, HostFacts, StatusStrip } from '@bellwether/shared/api';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { MatrixResult, QueryEngine } from '../query/index.ts';
import { type Fleet, queryHosts } from './fleet.ts';

export interface BellwetherApiOptions {
  readonly fleet: Fleet;
  readonly engine: QueryEngine;
  readonly clock: Clock;
  readonly status: (now: Millis) => Promise<StatusStrip>;
  readonly host: (id: string, now: Millis) => Promise<HostDetail | undefined>;
  readonly alerts: () => readonly AlertView[];
  /** Throws NOT_FOUND unless the alert is pending or firing. */
  readonly acknowledge: (fingerprint: string, user: string, note: string, now: Millis) => AlertView;
  readonly deliveries: (limit: number) => Promise<DeliveryView[]>;
  readonly facts: (hostId: string) => Promise<HostFacts | undefined>;
  readonly events: (hostId: string | undefined, limit: number) => Promise<EventView[]>;
}

const hostQuery = z.object({
  filter: z.string().max(200).default(''),
  sort: z.enum(['state', 'name', 'cpu', 'memory', 'disk', 'networkIn', 'networkOut', 'load1']).default('state'),
  descending: z.boolean().default(false),
  offset: z.int().min(0).default(0),
  limit: z.int().min(1).max(1_000).default(100),
});

export { hostQuery };

/** ms since the epoch, or RFC 3339. */
const instant = z.string().transform((text, context) => {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is neither ms since the epoch nor RFC 3339` });
  return z.NEVER;
});
const step = z.string().transform((text, context) => {
  const ms = /^\d+$/.test(text) ? Number(text) : parseDuration(text);
  if (ms !== undefined && ms >= 1) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration such as 15s` });
  return z.NEVER;
});

const READ = { access: 'read' } as const;
const OPERATE = { access: 'operate' } as const;

export function bellwetherApi(options: BellwetherApiOptions): FastifyPluginAsync {
  const { fleet, engine, clock } = options;
  return async (fastify) => {
    const app = fastify.withTypeProvider<ZodTypeProvider>();

    app.get('/api/bellwether/status', { config: READ }, () => options.status(clock.now()));

    app.post('/api/bellwether/hosts/query', { config: READ, schema: { body: hostQuery } }, async ({ body }) =>
      queryHosts(await fleet.rows(clock.now()), body),
    );

    app.get(
      '/api/bellwether/hosts/:id',
      { config: READ, schema: { params: z.object({ id: z.string().max(100) }) } },
      async ({ params }) => {
        const detail = await options.host(params.id, clock.now());
        if (detail === undefined) throw new AppError('NOT_FOUND', `There is no host with the id "${params.id}".`);
        return detail;
      },
    );

    app.get(
      '/api/bellwether/hosts/:id/facts',
      { config: READ, schema: { params: z.object({ id: z.string().max(100) }) } },
      async ({ params }) => {
        const facts = await options.facts(params.id);
        if (facts === undefined) throw new AppError('NOT_FOUND', `Nothing is known yet of the machine with the id "${params.id}".`);
        return facts;
      },
    );

    app.get(
      '/api/bellwether/chart',
      { config: READ, schema: { querystring: z.object({ query: z.string().min(1), start: instant, end: instant, step }) } },
      async ({ query: { query, start, end, step } }) => {
        if (end < start) throw new AppError('BAD_REQUEST', 'end: lies before start');
        return toChart(await engine.range(query, start, end, step), start, end, step);
      },
    );

    app.get('/api/bellwether/alerts', { config: READ }, () => options.alerts());

    app.post(
      '/api/bellwether/alerts/:fingerprint/acknowledge',
      {
        config: OPERATE,
        schema: { params: z.object({ fingerprint: z.string().max(64) }), body: z.object({ note: z.string().max(2_000).default('') }) },
      },
      (request) => options.acknowledge(request.params.fingerprint, request.principal?.name ?? 'unknown', request.body.note, clock.now()),
    );

    const limited = z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(100), host: z.string().max(100).optional() });
    app.get('/api/bellwether/deliveries', { config: READ, schema: { querystring: limited } }, ({ query }) =>
      options.deliveries(query.limit),
    );
    app.get('/api/bellwether/events', { config: READ, schema: { querystring: limited } }, ({ query }) =>
      options.events(query.host, query.limit),
    );
  };
}

/** Matrix to columns on the grid start, start + step, ... <= end; a step without a sample is null. */
export function toChart(result: MatrixResult, startMs: Millis, endMs: Millis, stepMs: Millis): ChartData {
  const points = Math.floor((endMs - startMs) / stepMs) + 1;
  const times = Array.from({ length: points }, (_, i) => startMs + i * stepMs);
  const series = result.series.map(({ labels, times: at, values }) => {
    const column: (number | null)[] = new Array(points).fill(null);
    for (let i = 0; i < at.length; i++) {
      const value = values[i]!;
      if (Number.isFinite(value)) column[Math.round((at[i]! - startMs) / stepMs)] = value;
    }
    return { labels: labelsToRecord(labels), values: column };
  });
  return { times, series, warnings: [...result.warnings], infos: [...result.infos] };
}
