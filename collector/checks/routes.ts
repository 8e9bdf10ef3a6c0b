/** /api/bellwether/checks */
import { AppError } from '@bellwether/shared';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Checks } from './checks.ts';
import { checkSchema } from './config.ts';
import type { WrittenCheck } from './kept-checks.ts';
import { refuseReferences } from './written.ts';

const READ = { access: 'read' } as const;
const OPERATE = { access: 'operate' } as const;
const params = z.object({ id: z.string().max(100) });
const body = z.record(z.string(), z.unknown());

export function checksApi(checks: Checks): FastifyPluginAsync {
  return async (fastify) => {
    const app = fastify.withTypeProvider<ZodTypeProvider>();

    app.get('/api/bellwether/checks', { config: READ }, () => checks.views());

    app.get('/api/bellwether/checks/:id', { config: READ, schema: { params } }, (request) => {
      const view = checks.views().find(({ id }) => id === request.params.id);
      if (view === undefined) throw new AppError('NOT_FOUND', `There is no check with the id "${request.params.id}".`);
      return view;
    });

    app.post('/api/bellwether/checks', { config: OPERATE, schema: { body } }, async (request, reply) => {
      const view = await checks.create(written(request.body), request.principal?.name ?? 'unknown');
      return reply.code(201).send(view);
    });

    app.put('/api/bellwether/checks/:id', { config: OPERATE, schema: { params, body } }, (request) =>
      checks.update(request.params.id, written(request.body), request.principal?.name ?? 'unknown'),
    );

    app.delete('/api/bellwether/checks/:id', { config: OPERATE, schema: { params } }, async (request, reply) => {
      await checks.remove(request.params.id);
      return reply.code(204).send();
    });
  };
}

/** The body as it is kept: the schema reads it, but its durations stay as written. */
function written(sent: WrittenCheck): WrittenCheck {
  const parsed = checkSchema.safeParse(sent);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'check'}: ${message}`);
    throw new AppError('BAD_REQUEST', problems.join('; '));
  }
  refuseReferences(sent);
  return sent;
}
