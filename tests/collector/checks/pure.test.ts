import fc from 'fast-check';
import { byRank, type Candidate, mayRun, place } from '../../../collector/checks/place.ts';
import { opinionOf, quorumOf, type Vote } from '../../../collector/checks/verdict.ts';

const able = ['checks', 'icmp'];
const agent = (name: string, changes: Partial<Candidate> = {}): [string, Candidate] => [
  name,
  { agentId: name, hostname: name, capabilities: able, isAvailable: true, ...changes },
];
const fleet = (...entries: [string, Candidate][]): Map<string, Candidate> => new Map(entries);
const check = (hosts: string[], count: number | 'all', probe = 'http') => ({ id: 'c', probe, agents: { hosts, count } });

describe('who may run a check', () => {
  test.each([
    [['*'], 'web-1', true],
    [['web-1'], 'web-1', true],
    [['web-1'], 'web-10', false],
    [['web-*'], 'web-1', true],
    [['web-*'], 'db-1', false],
    [['*-eu'], 'web-1-eu', true],
    [['*.eu.*'], 'a.eu.example', true],
    [['*.eu.*'], '.eu.', true],
    [['a*a'], 'a', false],
    [['a*b*b'], 'ab', false],
    [['a*b*b'], 'axbxb', true],
    [['db-1', 'web-*'], 'web-3', true],
  ])('%j and %s', (hosts, hostname, may) => {
    const candidate = { agentId: 'x', hostname, capabilities: able, isAvailable: true };
    expect(mayRun({ hosts, count: 1 }, 'http', candidate)).toBe(may);
  });

  test('an agent of an older version none, one without a ping program no echoes', () => {
    expect(mayRun({ hosts: ['*'], count: 1 }, 'http', agent('a', { capabilities: ['live'] })[1])).toBe(false);
    expect(mayRun({ hosts: ['*'], count: 1 }, 'icmp', agent('a', { capabilities: ['checks'] })[1])).toBe(false);
    expect(mayRun({ hosts: ['*'], count: 1 }, 'icmp', agent('a')[1])).toBe(true);
  });
});

describe('placement', () => {
  test('keeps who runs it, replaces who is gone, and gives nothing to nobody', () => {
    const all = fleet(agent('a'), agent('b'), agent('c'));
    const [first] = place(check(['*'], 1), all, []);
    expect(place(check(['*'], 1), all, ['b'])).toEqual(['b']);
    const without = new Map(all).set(first!, { ...all.get(first!)!, isAvailable: false });
    const [second] = place(check(['*'], 1), without, [first!]);
    expect(second).not.toBe(first);
    expect(place(check(['*'], 1), all, [second!])).toEqual([second]);
    expect(place(check(['d'], 1), all, [])).toEqual([]);
    expect(place(check(['a', 'b'], 'all'), all, [])).toEqual(['a', 'b']);
    expect(place(check(['*'], 5), all, ['c'])).toHaveLength(3);
    expect(place(check(['a'], 1), all, ['b'])).toEqual(['a']);
  });

  test('a hundred checks spread over ten agents, and the loss of one moves its own only', () => {
    const names = Array.from({ length: 10 }, (_, i) => `agent-${i}`);
    const all = fleet(...names.map((name) => agent(name)));
    const before = Array.from({ length: 1_000 }, (_, i) => place({ ...check(['*'], 1), id: `check-${i}` }, all, [])[0]!);
    const loads = names.map((name) => before.filter((one) => one === name).length);
    expect(Math.min(...loads)).toBeGreaterThan(60);
    expect(Math.max(...loads)).toBeLessThan(140);
    const less = new Map(all);
    less.delete('agent-3');
    const after = before.map((one, i) => place({ ...check(['*'], 1), id: `check-${i}` }, less, [one])[0]!);
    expect(after.filter((one, i) => one !== before[i]).length).toBe(loads[3]);
  });

  test('never more than asked, never the same twice, never one that may not (property)', () => {
    const some = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e', 'f'));
    fc.assert(
      fc.property(some, some, some, fc.integer({ min: 1, max: 4 }), (present, gone, before, count) => {
        const all = fleet(...present.map((name) => agent(name, { isAvailable: !gone.includes(name) })));
        const placed = place(check(['*'], count), all, before);
        const free = present.filter((name) => !gone.includes(name));
        expect(placed.length).toBe(Math.min(count, free.length));
        expect(new Set(placed).size).toBe(placed.length);
        expect(placed.every((name) => free.includes(name))).toBe(true);
        const stay = before.filter((name) => free.includes(name)).slice(0, count);
        expect(placed.slice(0, stay.length)).toEqual(stay);
      }),
    );
  });

  test('the order of those who are asked is of the check, not of the list', () => {
    const list = ['a', 'b', 'c', 'd'].map((name) => agent(name)[1]);
    expect(byRank('c1', list)).toEqual(byRank('c1', [...list].reverse()));
  });
});

const up = (host: string): Vote => ({ host, up: true, reason: '' });
const down = (host: string, reason = 'HTTP 503'): Vote => ({ host, up: false, reason });

describe('verdicts', () => {
  test.each<[string, Vote[], object]>([
    ['nobody', [], { kind: 'none' }],
    ['one up', [up('a')], { kind: 'up', note: '' }],
    ['one down', [down('a')], { kind: 'suspect', reason: 'HTTP 503' }],
    ['one of two down', [up('a'), down('b')], { kind: 'up', note: '1 of 2 agents fail: HTTP 503 from b' }],
    ['two of three down', [down('a', 'x'), down('b', 'y'), up('c')], { kind: 'suspect', reason: 'x' }],
    ['the most frequent reason', [down('a', 'x'), down('b', 'y'), down('c', 'y')], { kind: 'suspect', reason: 'y' }],
  ])('opinion of %s', (_name, votes, expected) => expect(opinionOf(votes)).toEqual(expected));

  test.each<[Vote[], Vote[], number, boolean, string]>([
    [[down('a')], [], 0, true, 'no other agent to ask'],
    [[down('a')], [], 2, true, '2 other agents asked, none answered'],
    [[down('a')], [down('b'), down('c')], 0, true, 'confirmed by b and c'],
    [[down('a')], [up('b')], 0, false, 'reached from b'],
    [[down('a')], [up('b'), down('c')], 0, true, 'reached from b, not from c'],
    [[down('a')], [up('b'), up('c'), down('d')], 0, false, 'reached from b and c, not from d'],
    [[down('a'), down('b'), up('c')], [], 0, true, '2 of 3 agents fail'],
    [[down('a')], ['b', 'c', 'd', 'e', 'f'].map((host) => down(host)), 0, true, 'confirmed by b, c, d and 2 more'],
  ])('quorum %#', (own, asked, silent, isDown, text) => expect(quorumOf(own, asked, silent)).toEqual({ isDown, text }));
});
