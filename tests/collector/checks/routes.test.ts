import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import type { FastifyInstance } from 'fastify';
import { createServer } from '../../../collector/api/index.ts';
import { type Checks, startChecks } from '../../../collector/checks/checks.ts';
import { checkSchema } from '../../../collector/checks/config.ts';
import { checksApi } from '../../../collector/checks/index.ts';
import { openState, type State } from '../../../collector/state/index.ts';

const BODY = { name: 'port', probe: 'tcp', target: 'db:5432' };
let dir: string;
let state: State;
let checks: Checks;
let app: FastifyInstance;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bellwether-checks-'));
  const clock = new SteppedClock(1_700_000_000_000);
  state = await openState({ dir, clock });
  const config = [checkSchema.parse({ name: 'shop', probe: 'http', target: 'http://shop/' })];
  checks = await startChecks({ state, clock, log: silentLog, config, known: [], runProbe: async () => undefined, assigned: () => {} });
  app = await createServer({ log: silentLog, webDir: dir, version: '0' });
  await app.register(checksApi(checks));
});

afterAll(async () => {
  await app.close();
  await checks.stop();
  await state.stop();
  rmSync(dir, { recursive: true });
});

async function call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path = '', payload?: object): Promise<[number, string]> {
  const response = await app.inject({ method, url: `/api/bellwether/checks${path}`, ...(payload === undefined ? {} : { payload }) });
  return [response.statusCode, response.body];
}

test('listed, made, changed, deleted', async () => {
  const [status, text] = await call('POST', '', BODY);
  expect(status).toBe(201);
  const view = JSON.parse(text) as { id: string };
  expect(view).toMatchObject({
    name: 'port',
    source: 'api',
    verdict: 'unknown',
    written: { interval: '30s', agents: { hosts: ['*'], count: 1 } },
  });
  const [, list] = await call('GET');
  expect((JSON.parse(list) as { name: string }[]).map(({ name }) => name)).toEqual(['port', 'shop']);
  const [changed, after] = await call('PUT', `/${view.id}`, { ...BODY, interval: '10s', timeout: '2s' });
  expect([changed, JSON.parse(after)]).toMatchObject([200, { written: { interval: '10s' } }]);
  expect(await call('DELETE', `/${view.id}`)).toEqual([204, '']);
  expect((await call('GET', `/${view.id}`))[0]).toBe(404);
});

test.each([
  ['POST', '', { ...BODY, target: 'nothing' }, 400, 'target: must be host:port'],
  ['POST', '', { ...BODY, interval: '1h' }, 400, 'interval: must be at most 2m'],
  ['POST', '', { ...BODY, colour: 'red' }, 400, 'colour'],
  ['POST', '', { ...BODY, name: 'shop' }, 409, 'Another check is named'],
  [
    'POST',
    '',
    { ...BODY, probe: 'http', target: 'http://x/', http: { bearer_token: 'file:/etc/shadow' } },
    400,
    'must be the secret itself',
  ],
  [
    'POST',
    '',
    { ...BODY, probe: 'http', target: 'http://x/', http: { basic_auth: { username: 'u', password: 'env:HOME' } } },
    400,
    'must be the secret itself',
  ],
  ['PUT', '/nothing', BODY, 404, 'There is no check with the id'],
  ['DELETE', '/nothing', undefined, 404, 'There is no check with the id'],
] as const)('%s %s %j is %i', async (method, path, body, status, text) => {
  const [code, answer] = await call(method, path, body);
  expect([code, answer]).toEqual([status, expect.stringContaining(text)]);
});

test('what comes from the file is not changed here', async () => {
  const { id } = checks.list().find(({ name }) => name === 'shop')!;
  expect(await call('DELETE', `/${id}`)).toEqual([409, expect.stringContaining('comes from the configuration file')]);
});
