import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import type { CheckState } from '@bellwether/shared/api';
import { type Checks, type ProbeAnswer, startChecks } from '../../../collector/checks/checks.ts';
import { type CheckConfig, checkSchema } from '../../../collector/checks/config.ts';
import { openState, type State } from '../../../collector/state/index.ts';

const START = 1_700_000_000_000;
const ABLE = ['checks', 'icmp'];
let dir: string;
let state: State;
let clock: SteppedClock;
let checks: Checks;
let changes: CheckState[];
let assigned: string[][];
/** What each agent finds when it is asked; undefined: no answer. */
let answers: Record<string, boolean | undefined>;
let asked: string[];

const config = (changed: object = {}): CheckConfig =>
  checkSchema.parse({ name: 'shop', probe: 'http', target: 'http://shop/', interval: '10s', timeout: '1s', ...changed });

async function start(list: readonly CheckConfig[], known: string[] = []): Promise<void> {
  await checks?.stop();
  changes = [];
  assigned = [];
  checks = await startChecks({
    state,
    clock,
    log: silentLog,
    config: list,
    known: known.map((agentId) => ({ agentId, hostname: agentId, wasConnected: true })),
    runProbe: async (agentId): Promise<ProbeAnswer | undefined> => {
      asked.push(agentId);
      const success = answers[agentId];
      return success === undefined ? undefined : { success, durationMs: 3, text: success ? '' : 'refused' };
    },
    assigned: (agentIds) => void assigned.push([...agentIds]),
  });
  checks.onChange((change) => changes.push(change));
}

const connect = async (...agents: string[]): Promise<void> => {
  for (const agent of agents) checks.agentConnected(agent, agent, ABLE);
  await clock.advance(1_000);
};
const only = (): CheckState => checks.list()[0]!;
const say = async (agentId: string, up: boolean, reason = up ? '' : 'HTTP 503'): Promise<void> => {
  checks.result(agentId, { id: only().id, kind: 'check', timeMs: clock.now(), up, reason });
  await clock.advance(0);
};
const runner = (): string => only().agents[0]!.id;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'bellwether-checks-'));
  clock = new SteppedClock(START);
  state = await openState({ dir, clock });
  answers = {};
  asked = [];
});
afterEach(async () => {
  await checks.stop();
  await state.stop();
  rmSync(dir, { recursive: true });
});

test('unknown until its agent has spoken, then up', async () => {
  await start([config()]);
  await clock.advance(1_000);
  expect(only()).toMatchObject({ verdict: 'unknown', reason: 'no agent that may run it is connected', agents: [] });
  await connect('a');
  expect(assigned).toEqual([['a']]);
  expect(checks.assignmentsFor('a')).toMatchObject([{ name: 'shop', intervalMs: 10_000, attempts: 2 }]);
  expect(only()).toMatchObject({ verdict: 'unknown', reason: 'no result yet from a' });
  await say('a', true);
  expect(only()).toMatchObject({ verdict: 'up', reason: '', quorum: '', sinceMs: clock.now(), agents: [{ host: 'a', up: true }] });
});

test.each([
  ['nobody else', {}, 'down', 'no other agent to ask'],
  ['others that fail too', { b: false, c: false }, 'down', 'confirmed by b and c'],
  ['others that reach it', { b: true, c: true }, 'up', 'HTTP 503 from a, but reached from b and c'],
  ['others that disagree', { b: true, c: false }, 'down', 'reached from b, not from c'],
  ['others that do not answer', { b: undefined }, 'down', '1 other agent asked, none answered'],
] as const)('a failure is confirmed by %s', async (_name, others, verdict, quorum) => {
  await start([config({ agents: { hosts: ['*'] } })]);
  await connect('a');
  await say('a', true);
  answers = others;
  await connect(...Object.keys(others));
  await say('a', false);
  expect(only().verdict).toBe(verdict);
  const words = only().quorum.replace('c and b', 'b and c');
  expect(words).toBe(quorum);
  expect(only().reason).toBe(verdict === 'down' ? 'HTTP 503' : '');
});

test('only agents that may run it are asked', async () => {
  await start([config({ agents: { hosts: ['a', 'b'] } })]);
  await connect('a', 'b', 'z');
  const other = runner() === 'a' ? 'b' : 'a';
  await say(runner(), false);
  expect(asked).toEqual([other]);
});

test('a failure that was not confirmed is looked into again, until it is or ends', async () => {
  await start([config()]);
  await connect('a');
  await say('a', true);
  answers = { b: true, c: true };
  await connect('b', 'c');
  await say('a', false);
  expect(only()).toMatchObject({ verdict: 'up' });
  expect(checks.counters.vetoes).toBe(1);
  answers = { b: false, c: false };
  await clock.advance(14_000);
  expect(only().verdict).toBe('up');
  await clock.advance(2_000);
  expect(only()).toMatchObject({ verdict: 'down', reason: 'HTTP 503' });
  await say('a', true);
  expect(only()).toMatchObject({ verdict: 'up', reason: '', quorum: '' });
  await clock.advance(60_000);
  expect(checks.counters.confirmations).toBe(2);
});

test('well again while others are asked: nothing is said', async () => {
  await start([config()]);
  await connect('a');
  await say('a', true);
  answers = { b: false };
  await connect('b');
  changes = [];
  checks.result('a', { id: only().id, kind: 'check', timeMs: 1, up: false, reason: 'x' });
  checks.result('a', { id: only().id, kind: 'check', timeMs: 2, up: true, reason: '' });
  await clock.advance(0);
  expect(only().verdict).toBe('up');
  expect(changes).toEqual([]);
});

test('all agents: most of them decide', async () => {
  await start([config({ agents: 'all' })]);
  await connect('a', 'b', 'c');
  await say('a', true);
  await say('b', true);
  await say('c', false, 'refused');
  expect(only()).toMatchObject({ verdict: 'up', quorum: '1 of 3 agents fail: refused from c' });
  await say('b', false, 'refused');
  expect(only()).toMatchObject({ verdict: 'down', reason: 'refused', quorum: '2 of 3 agents fail' });
});

test('moves 30 s after its agent is gone, and its verdict stands until the next has spoken', async () => {
  await start([config()]);
  await connect('a', 'b');
  const [first, second] = runner() === 'a' ? ['a', 'b'] : ['b', 'a'];
  await say(first, false);
  expect(only().verdict).toBe('down');
  checks.agentGone(first);
  await clock.advance(30_000);
  expect(runner()).toBe(first);
  assigned = [];
  await clock.advance(2_000);
  expect(runner()).toBe(second);
  expect(assigned.flat().sort()).toEqual(['a', 'b']);
  expect(only()).toMatchObject({ verdict: 'down', agents: [{ host: second, up: null }] });
  expect(checks.result(first, { id: only().id, kind: 'check', timeMs: 0, up: true, reason: '' })).toBe(false);
  await clock.advance(20_000);
  expect(only().verdict).toBe('down');
  await clock.advance(12_000);
  expect(only()).toMatchObject({ verdict: 'unknown', reason: `no result yet from ${second}` });
  await say(second, true);
  expect(only().verdict).toBe('up');
  await connect(first);
  expect(runner()).toBe(second);
});

test('gone for a moment: nothing moves', async () => {
  await start([config()]);
  await connect('a', 'b');
  const first = runner();
  await say(first, true);
  checks.agentGone(first);
  await clock.advance(20_000);
  await connect(first);
  await clock.advance(60_000);
  expect(runner()).toBe(first);
  expect(only().verdict).toBe('up');
});

test('after a restart of the collector, results that come before the placement count', async () => {
  await start([config()], ['a']);
  const { id } = only();
  checks.agentConnected('a', 'a', ABLE);
  expect(checks.result('a', { id, kind: 'check', timeMs: 5, up: true, reason: '' })).toBe(false);
  await clock.advance(1_000);
  expect(only()).toMatchObject({ verdict: 'up', agents: [{ id: 'a', timeMs: 5 }] });
});

test('hosts that were connected get a moment to come back before others take their checks', async () => {
  await start(
    Array.from({ length: 20 }, (_, i) => config({ name: `c${i}` })),
    ['a', 'b'],
  );
  await clock.advance(1_000);
  await connect('a');
  const ofB = checks.list().filter(({ agents }) => agents[0]?.id === 'b');
  expect(ofB.length).toBeGreaterThan(3);
  await clock.advance(31_000);
  expect(checks.list().filter(({ agents }) => agents[0]?.id === 'b')).toEqual([]);
});

describe('made through the API', () => {
  const body = { name: 'port', probe: 'tcp', target: 'db:5432', interval: '10s', timeout: '1s' };

  test('created, kept over a restart, changed, deleted', async () => {
    await start([config()]);
    await connect('a');
    const { id } = await checks.create(body, 'ann');
    await start([config()]);
    await connect('a');
    expect(checks.views().map(({ name, source }) => `${name} ${source}`)).toEqual(['port api', 'shop file']);
    await checks.update(id, { ...body, name: 'database', attempts: 3 }, 'ann');
    expect(checks.assignmentsFor('a').find((one) => one.id === id)).toMatchObject({ name: 'database', attempts: 3 });
    await checks.remove(id);
    expect(checks.list().map(({ name }) => name)).toEqual(['shop']);
    await start([config()]);
    expect(checks.list().map(({ name }) => name)).toEqual(['shop']);
  });

  test('a name is taken once, and what is in the file is changed there', async () => {
    await start([config()]);
    const { id } = await checks.create(body, 'ann');
    await expect(checks.create(body, 'ann')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(checks.create({ ...body, name: 'shop' }, 'ann')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(checks.update(id, { ...body, name: 'shop' }, 'ann')).rejects.toMatchObject({ code: 'CONFLICT' });
    const file = checks.list().find(({ name }) => name === 'shop')!;
    await expect(checks.remove(file.id)).rejects.toThrow(/comes from the configuration file/);
    await expect(checks.update('nothing', body, 'ann')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(() => checks.reload([config({ name: 'port' })])).toThrow(/"port" is in the configuration file and was made through the API/);
    expect(checks.list().map(({ name }) => name)).toEqual(['port', 'shop']);
  });

  test('secrets stay when they come back as ***, and are never shown', async () => {
    await start([]);
    await connect('a');
    const secret = { ...body, probe: 'http', target: 'http://x/', http: { bearer_token: 'hush' } };
    const view = await checks.create(secret, 'ann');
    expect(JSON.stringify(view)).not.toContain('hush');
    const changed = await checks.update(view.id, { ...view.written, attempts: 1 }, 'ann');
    expect(changed.written).toMatchObject({ attempts: 1, http: { bearer_token: '***' } });
    expect(checks.assignmentsFor('a')[0]!.options).toMatchObject({ bearer_token: 'hush' });
    await expect(checks.create({ ...secret, name: 'b', http: { bearer_token: '***' } }, 'ann')).rejects.toThrow(/no former value/);
  });
});

describe('another configuration', () => {
  test('what stays keeps its verdict, what is new starts, what is gone ends', async () => {
    await start([config(), config({ name: 'old' })]);
    await connect('a');
    for (const { id } of checks.list()) checks.result('a', { id, kind: 'check', timeMs: 1, up: true, reason: '' });
    const gone: string[] = [];
    checks.onChange(({ name }, removed) => void (removed && gone.push(name)));
    checks.reload([config(), config({ name: 'new' })]);
    await clock.advance(1_000);
    expect(checks.list().map(({ name, verdict }) => `${name} ${verdict}`)).toEqual(['new unknown', 'shop up']);
    expect(gone).toEqual(['old']);
  });

  test('other agents alone: the one that goes on has nothing new to say and needs not', async () => {
    await start([config()]);
    await connect('a');
    await say('a', true);
    checks.reload([config({ agents: { hosts: ['a'] } })]);
    await clock.advance(60_000);
    expect(only().verdict).toBe('up');
  });

  test('another target is unknown at first', async () => {
    await start([config()]);
    await connect('a');
    await say('a', true);
    checks.reload([config({ target: 'http://other/' })]);
    await clock.advance(1_000);
    expect(only()).toMatchObject({ target: 'http://other/', verdict: 'unknown' });
  });
});
