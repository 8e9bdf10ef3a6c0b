/** Prometheus' HTTP API under /api/v1: queries, series, labels, metadata and status, in its exact form. */
import { Readable } from 'node:stream';
import { AppError, type Clock, compareLabels, errorMessage, type Labels, type Log, labelsKey, silentLog } from '@bellwether/shared';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import {
  DEFAULT_QUERY_LIMITS,
  parse,
  pretty,
  type QueryEngine,
  type QueryOptions,
  type QueryResult,
  tooManyPoints,
} from '../../query/index.ts';
import type { Matcher, Store } from '../../store/index.ts';
import { compressed } from './compress.ts';
import { apiFailure } from './errors.ts';
import { labelsJson, queryPieces, successJson } from './json.ts';
import { invalidParameter, invalidUnless, labelNameFromPath, Parameters } from './parameters.ts';
import { statusRoutes } from './status.ts';
import { syntaxTree } from './syntax-tree.ts';

export interface BuildInfo {
  readonly version: string;
  readonly revision?: string;
}

export interface PrometheusApiOptions {
  readonly engine: QueryEngine;
  readonly store: Store;
  readonly clock: Clock;
  readonly buildInfo: BuildInfo;
  readonly log?: Log;
  /** Points per series a range query may ask for. */
  readonly maxPoints?: number;
}

const BODY_LIMIT_BYTES = 10 * 1024 * 1024;
/** Answers with more values than this are sent piece by piece. */
const STREAM_FROM_VALUES = 20_000;

type Handler = (parameters: Parameters, call: Call) => Promise<string | QueryAnswer>;

interface Call {
  readonly name: string;
  readonly signal: AbortSignal;
}

/** A query's result, not yet written. */
interface QueryAnswer {
  readonly result: QueryResult;
  readonly limit: number;
}

/** The plugin; register it on the root. Who may call it is decided by the hooks of the server. */
export function prometheusApi(options: PrometheusApiOptions): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) => done(null, body));
    const failed = new WeakSet<FastifyRequest>();
    app.addHook('onRequest', async (_request, reply) => {
      reply.header('Access-Control-Allow-Origin', '*');
      reply.header('Access-Control-Expose-Headers', 'Date');
    });
    app.setErrorHandler((error, request, reply) => {
      const { status, errorType, error: text } = apiFailure(error, failed.has(request));
      if (status >= 500 && errorType === 'internal') {
        (options.log ?? silentLog).error({ url: request.url.split('?')[0], error: errorMessage(error) }, 'request failed');
      }
      return reply
        .code(status)
        .type('application/json')
        .send(JSON.stringify({ status: 'error', errorType, error: text }));
    });
    const routes = new Routes(app, failed);
    queryRoutes(routes, options);
    searchRoutes(routes, options);
    statusRoutes((path, answer) => routes.add(['GET'], path, answer), options);
  };
}

class Routes {
  readonly #app: FastifyInstance;
  readonly #canceled: WeakSet<FastifyRequest>;

  constructor(app: FastifyInstance, canceled: WeakSet<FastifyRequest>) {
    this.#app = app;
    this.#canceled = canceled;
  }

  add(methods: readonly ('GET' | 'POST')[], path: string, handler: Handler): void {
    this.#app.route({
      method: [...methods],
      url: `/api/v1/${path}`,
      bodyLimit: BODY_LIMIT_BYTES,
      config: { access: 'read' },
      handler: (request, reply) => this.#run(handler, request, reply),
    });
    this.#app.options(`/api/v1/${path}`, { config: { access: 'anonymous' } }, async (_request, reply) => {
      reply.header('Access-Control-Allow-Headers', 'Accept, Authorization, Content-Type, Origin');
      reply.header('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
      return reply.code(204).send();
    });
  }

  async #run(handler: Handler, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const abort = new AbortController();
    const onClose = () => {
      if (!reply.raw.writableFinished) abort.abort();
    };
    reply.raw.once('close', onClose);
    const { name = '' } = request.params as { name?: string };
    try {
      const answer = await handler(new Parameters(request.url, request.body), { name, signal: abort.signal });
      return send(request, reply, answer);
    } catch (error) {
      if (abort.signal.aborted) this.#canceled.add(request);
      throw error;
    } finally {
      reply.raw.off('close', onClose);
    }
  }
}

async function send(request: FastifyRequest, reply: FastifyReply, answer: string | QueryAnswer): Promise<FastifyReply> {
  reply.type('application/json');
  if (typeof answer === 'string') return reply.send(await compressed(request, reply, answer));
  const pieces = queryPieces(answer.result, answer.limit);
  if (valuesIn(answer.result) < STREAM_FROM_VALUES) return reply.send(await compressed(request, reply, [...pieces].join('')));
  return reply.send(await compressed(request, reply, Readable.from(pieces)));
}

function valuesIn(result: QueryResult): number {
  if (result.kind === 'vector') return result.samples.length * 4;
  return result.kind === 'matrix' ? result.series.reduce((sum, { values }) => sum + values.length, 0) : 1;
}

function queryOptions(parameters: Parameters, { signal }: Call): QueryOptions {
  return { lookbackMs: parameters.lookback(), timeoutMs: parameters.durationOr('timeout', undefined), signal };
}

/** Errors of the query text itself are said of the parameter. */
async function queryParameter<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError && error.code === 'QUERY_INVALID') throw invalidParameter('query', error.message);
    throw error;
  }
}

function queryRoutes(routes: Routes, { engine, clock, maxPoints = DEFAULT_QUERY_LIMITS.maxPoints }: PrometheusApiOptions): void {
  routes.add(['GET', 'POST'], 'query', async (parameters, call) => {
    const limit = parameters.limit();
    const timeMs = parameters.timeOr('time', clock.now());
    const options = queryOptions(parameters, call);
    return { result: await queryParameter(() => engine.instant(parameters.text('query'), timeMs, options)), limit };
  });
  routes.add(['GET', 'POST'], 'query_range', async (parameters, call) => {
    const limit = parameters.limit();
    const startMs = parameters.time('start');
    const endMs = parameters.time('end');
    if (endMs < startMs) throw invalidParameter('end', 'end timestamp must not be before start time');
    const stepMs = parameters.duration('step');
    if (stepMs <= 0) {
      throw invalidParameter('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer');
    }
    if (Math.floor((endMs - startMs) / stepMs) > maxPoints) throw tooManyPoints(maxPoints);
    const options = queryOptions(parameters, call);
    return { result: await queryParameter(() => engine.range(parameters.text('query'), startMs, endMs, stepMs, options)), limit };
  });
  routes.add(['GET', 'POST'], 'format_query', async (parameters) =>
    successJson(JSON.stringify(invalidUnless('query', () => pretty(parse(parameters.text('query')))))),
  );
  routes.add(['GET', 'POST'], 'parse_query', async (parameters) =>
    successJson(JSON.stringify(invalidUnless('query', () => syntaxTree(parse(parameters.text('query')))))),
  );
  routes.add(['GET', 'POST'], 'query_exemplars', async (parameters) => {
    parameters.time('start');
    parameters.time('end');
    invalidUnless('query', () => parse(parameters.text('query')));
    return successJson('[]');
  });
}

/** Every value once, over all selectors (or over everything without one). */
async function union<T>(selectors: readonly (readonly Matcher[])[], ask: (matchers: readonly Matcher[]) => Promise<T[]>): Promise<T[]> {
  if (selectors.length === 0) return ask([]);
  const answers: T[] = [];
  for (const matchers of selectors) for (const answer of await ask(matchers)) answers.push(answer);
  return answers;
}

function sortedNames(names: readonly string[], limit: number): string {
  const sorted = [...new Set(names)].sort();
  return sorted.length > limit ? successJson(JSON.stringify(sorted.slice(0, limit)), [TRUNCATED]) : successJson(JSON.stringify(sorted));
}

const TRUNCATED = 'results truncated due to limit';

function searchRoutes(routes: Routes, { store }: PrometheusApiOptions): void {
  routes.add(['GET', 'POST'], 'series', async (parameters) => {
    if (parameters.all('match[]').length === 0) throw new AppError('BAD_REQUEST', 'no match[] parameter provided');
    const { fromMs, toMs } = parameters.span();
    const limit = parameters.limit();
    const found = await union(parameters.selectors(), (matchers) => store.series(matchers, fromMs, toMs));
    const unique = new Map<string, Labels>(found.map((labels) => [labelsKey(labels), labels]));
    const sorted = [...unique.values()].sort(compareLabels);
    const json = sorted.slice(0, limit).map(labelsJson);
    return successJson(`[${json.join(',')}]`, sorted.length > limit ? [TRUNCATED] : []);
  });
  routes.add(['GET', 'POST'], 'labels', async (parameters) => {
    const { fromMs, toMs } = parameters.span();
    const limit = parameters.limit();
    return sortedNames(await union(parameters.selectors(), (matchers) => store.labelNames(matchers, fromMs, toMs)), limit);
  });
  routes.add(['GET'], 'label/:name/values', async (parameters, { name }) => {
    const label = labelNameFromPath(name);
    const { fromMs, toMs } = parameters.span();
    const limit = parameters.limit();
    return sortedNames(await union(parameters.selectors(), (matchers) => store.labelValues(label, matchers, fromMs, toMs)), limit);
  });
}
