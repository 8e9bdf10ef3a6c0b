/** Sign-in, enrolment, tokens and users: the routes of shared/api.ts that belong to auth. */
import { AppError, parseDuration } from '@bellwether/shared';
import type { Session } from '@bellwether/shared/api';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { ROLES, SCOPES } from './access.ts';
import { sessionOf } from './auth.ts';
import { cookieOf } from './credentials.ts';
import { type AccessOptions, clearSessionCookie, requireSameOrigin, SESSION_COOKIE, setSessionCookie } from './http.ts';

const ANONYMOUS = { access: 'anonymous' } as const;
const ADMIN = { access: 'admin' } as const;

const text = z.string().max(1_024);
const signIn = z.union([z.object({ link: text }), z.object({ user: text, password: text })]);
const newPassword = z.object({ password: text, current: text.optional() });
const enrolment = z.object({ token: text, hostname: text, os: text, arch: text, agentVersion: text });
const lifetime = z.string().transform((written, context) => {
  const ms = parseDuration(written);
  if (ms !== undefined && ms > 0) return ms;
  context.addIssue({ code: 'custom', message: `"${written}" is not a duration such as 90d` });
  return z.NEVER;
});
const newToken = z.object({
  name: z.string().min(1).max(100),
  scope: z.enum([...SCOPES, 'join']),
  expiresIn: lifetime.nullish(),
  uses: z.int().min(1).nullish(),
});
const role = z.enum(ROLES);

export function authApi(options: AccessOptions): FastifyPluginAsync {
  return async (fastify) => {
    const app = fastify.withTypeProvider<ZodTypeProvider>();
    sessionRoutes(app, options);
    const { auth } = options;

    app.post('/api/bellwether/enroll', { config: ANONYMOUS, schema: { body: enrolment } }, async ({ body: { token, ...host }, ip }) =>
      auth.enroll(token, host, ip),
    );

    app.get('/api/bellwether/tokens', { config: ADMIN }, () => auth.tokens.list());
    app.post('/api/bellwether/tokens', { config: ADMIN, schema: { body: newToken } }, async ({ body: { expiresIn, ...token } }, reply) => {
      const created = await auth.tokens.create({ ...token, expiresInMs: expiresIn });
      return reply.code(201).send(created);
    });
    const byId = z.object({ id: text });
    app.delete('/api/bellwether/tokens/:id', { config: ADMIN, schema: { params: byId } }, async ({ params }, reply) => {
      await auth.tokens.revoke(params.id);
      return reply.code(204).send();
    });

    app.get('/api/bellwether/users', { config: ADMIN }, () => auth.users.list());
    const newUser = z.object({ name: text, role });
    app.post('/api/bellwether/users', { config: ADMIN, schema: { body: newUser } }, async ({ body }, reply) => {
      await auth.users.create(body.name, body.role);
      return reply.code(201).send({ link: await auth.users.createLink(body.name) });
    });
    const byName = z.object({ name: text });
    app.post('/api/bellwether/users/:name/link', { config: ADMIN, schema: { params: byName } }, async ({ params }) => ({
      link: await auth.users.createLink(params.name),
    }));
    const byPassword = z.object({ password: text });
    app.post(
      '/api/bellwether/users/:name/password',
      { config: ADMIN, schema: { params: byName, body: byPassword } },
      async ({ params, body }, reply) => {
        await auth.users.setPassword(params.name, body.password);
        return reply.code(204).send();
      },
    );
    const byRole = z.object({ role });
    app.post(
      '/api/bellwether/users/:name/role',
      { config: ADMIN, schema: { params: byName, body: byRole } },
      async ({ params, body }, reply) => {
        await auth.users.setRole(params.name, body.role);
        return reply.code(204).send();
      },
    );
    app.delete('/api/bellwether/users/:name', { config: ADMIN, schema: { params: byName } }, async ({ params }, reply) => {
      await auth.users.remove(params.name);
      return reply.code(204).send();
    });
  };
}

/** Open to everybody because a session is what they are about; each checks what it needs itself. */
function sessionRoutes(fastify: Parameters<FastifyPluginAsync>[0], { auth, externalUrl }: AccessOptions): void {
  const app = fastify.withTypeProvider<ZodTypeProvider>();
  const url = '/api/bellwether/session';
  const secretOf = (request: FastifyRequest): string | undefined => cookieOf(request.headers.cookie, SESSION_COOKIE);

  app.get(url, { config: ANONYMOUS }, ({ principal }): Session => {
    if (principal === undefined) throw new AppError('UNAUTHENTICATED', 'Nobody is signed in.');
    return sessionOf(principal);
  });

  app.post(url, { config: ANONYMOUS, schema: { body: signIn } }, async (request, reply): Promise<Session> => {
    // Nobody may sign a visitor in as somebody else from another site.
    if (request.headers.origin !== undefined) requireSameOrigin(request.headers, externalUrl);
    const before = secretOf(request);
    const { secret, session } = await auth.signIn(request.body, request.ip);
    if (before !== undefined) await auth.sessions.end(before);
    setSessionCookie(request, reply, secret, externalUrl);
    return session;
  });

  app.delete(url, { config: ANONYMOUS }, async (request, reply) => {
    const secret = secretOf(request);
    if (secret !== undefined) await auth.sessions.end(secret);
    clearSessionCookie(request, reply, externalUrl);
    return reply.code(204).send();
  });

  app.post(`${url}/password`, { config: ANONYMOUS, schema: { body: newPassword } }, async (request, reply): Promise<Session> => {
    const { principal, body } = request;
    if (principal?.kind !== 'session') throw new AppError('UNAUTHENTICATED', 'Sign in first.');
    if (!principal.mustSetPassword) {
      if (body.current === undefined) throw new AppError('BAD_REQUEST', 'Give the present password as `current`.');
      await auth.confirmPassword(principal.name, body.current, request.ip);
    }
    await auth.users.setPassword(principal.name, body.password);
    // The password's change ended every session, this one too.
    setSessionCookie(request, reply, await auth.sessions.create(principal.name, false), externalUrl);
    return { ...sessionOf(principal), mustSetPassword: false };
  });
}
