/** Uptime as seen and as proven, `/api/bellwether/uptime`: shapes in shared/api.ts. */
import { AppError, type Clock, type Millis, parseDuration } from '@bellwether/shared';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Uptime } from '../uptime/index.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DEFAULT_WINDOW_MS = 30 * DAY_MS;
/** Windows up to this long get a bar an hour, longer ones a bar a day. */
const HOURLY_UP_TO_MS = 4 * DAY_MS;
const MAX_BARS = 500;

const instant = z.string().transform((text, context) => {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isSafeInteger(ms)) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is neither ms since the epoch nor RFC 3339` });
  return z.NEVER;
});
const bucket = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 60_000) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration of at least 1m, such as 1h or 1d` });
  return z.NEVER;
});
const kind = z.enum(['host', 'check', 'device']);
const window = z.object({ from: instant.optional(), to: instant.optional(), bucket: bucket.optional() });
const list = window.extend({
  kind: kind.optional(),
  filter: z.string().max(200).default(''),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

const READ = { access: 'read' } as const;

export function uptimeApi({ uptime, clock }: { readonly uptime: Uptime; readonly clock: Clock }): FastifyPluginAsync {
  return async (fastify) => {
    const app = fastify.withTypeProvider<ZodTypeProvider>();

    app.get('/api/bellwether/uptime', { config: READ, schema: { querystring: list } }, ({ query }) =>
      uptime.page({ ...query, kind: query.kind, ...uptimeWindow(query, clock.now()) }),
    );

    app.get(
      '/api/bellwether/uptime/:kind/:id',
      { config: READ, schema: { params: z.object({ kind, id: z.string().max(200) }), querystring: window } },
      async ({ params, query }) => {
        const detail = await uptime.detail(params.kind, params.id, uptimeWindow(query, clock.now()));
        if (detail === undefined)
          throw new AppError('NOT_FOUND', `There is no ${params.kind} with the id "${params.id}" in the uptime history.`);
        return detail;
      },
    );
  };
}

/** The window asked for, the last 30 days otherwise; nothing is known of the future, so it ends now at the latest. BAD_REQUEST when it has no length or too many bars. */
export function uptimeWindow(
  { from, to, bucket }: { readonly from?: Millis | undefined; readonly to?: Millis | undefined; readonly bucket?: Millis | undefined },
  now: Millis,
): { fromMs: Millis; toMs: Millis; bucketMs: Millis } {
  const toMs = Math.min(to ?? now, now);
  const fromMs = from ?? toMs - DEFAULT_WINDOW_MS;
  if (fromMs >= toMs) throw new AppError('BAD_REQUEST', 'The window is empty: from has to be before to, and before now.');
  const bucketMs = bucket ?? (toMs - fromMs <= HOURLY_UP_TO_MS ? HOUR_MS : DAY_MS);
  if ((toMs - fromMs) / bucketMs > MAX_BARS) {
    throw new AppError(
      'BAD_REQUEST',
      `The window has more than ${MAX_BARS} bars of this width; ask for a wider bucket or a shorter window.`,
    );
  }
  return { fromMs, toMs, bucketMs };
}
