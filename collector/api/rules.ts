/** GET /api/v1/rules and /api/v1/alerts in Prometheus' form. */
import type { FastifyPluginAsync } from 'fastify';
import type { Rules, RulesApiFilter } from '../rules/index.ts';
import { apiFailure } from './prometheus/errors.ts';

/** What the routes need of the running rules. */
export type RulesApiSource = Pick<Rules, 'rulesApiData' | 'alertsApiData'>;

export function rulesApi(rules: RulesApiSource): FastifyPluginAsync {
  return async (app) => {
    app.setErrorHandler((error, _request, reply) => {
      const { status, ...failure } = apiFailure(error, false);
      return reply.code(status).send({ status: 'error', ...failure });
    });
    app.get('/api/v1/rules', (request, reply) => {
      const query = request.query as Record<string, string | string[] | undefined>;
      const type = one(query.type)?.toLowerCase() ?? '';
      if (!['', 'alert', 'record'].includes(type)) {
        return reply
          .code(400)
          .send({ status: 'error', errorType: 'bad_data', error: `invalid parameter "type": not supported value "${type}"` });
      }
      const filter: RulesApiFilter = {
        type: type === '' ? undefined : (type as 'alert' | 'record'),
        ruleNames: all(query['rule_name[]']),
        groupNames: all(query['rule_group[]']),
        files: all(query['file[]']),
        excludeAlerts: ['true', '1'].includes(one(query.exclude_alerts) ?? ''),
      };
      return reply.send({ status: 'success', data: rules.rulesApiData(filter) });
    });
    app.get('/api/v1/alerts', (_, reply) => reply.send({ status: 'success', data: rules.alertsApiData() }));
  };
}

function all(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function one(value: string | string[] | undefined): string | undefined {
  return all(value)[0];
}
