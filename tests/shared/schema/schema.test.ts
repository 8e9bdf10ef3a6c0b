import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  bytes,
  checkYaml,
  describeSchema,
  duration,
  environmentOverrides,
  formatBytes,
  listenAddress,
  loadYaml,
  nearName,
  parseBytes,
  parseListenAddress,
  ratio,
  Secret,
  secret,
} from '@bellwether/shared/schema';
import fc from 'fast-check';
import * as z from 'zod';

const schema = z.strictObject({
  listen: listenAddress('127.0.0.1:8720').describe('Where to listen.').meta({ restart: true }),
  name: z.string().min(2).optional().describe('Shown on pages.'),
  agents: z
    .strictObject({
      interval: duration('10s', { min: '1s', max: '1h' }).describe('Time between readings.'),
      limit: z.int().min(1).max(100).default(10),
    })
    .prefault({}),
  query: z.strictObject({ memory: bytes('64MB', { max: '1GB' }), share: ratio(0.5) }).prefault({}),
  level: z.enum(['debug', 'info', 'warn']).default('info'),
  pack: z.boolean().default(true),
  token: secret().optional(),
  receivers: z.array(z.strictObject({ name: z.string(), to: z.array(z.string()).default([]) })).default([]),
  tags: z.record(z.string(), z.string()).default({}),
});

test('an empty file gives the defaults, in ms, bytes and parts', () => {
  const expected = {
    listen: { host: '127.0.0.1', port: 8720, text: '127.0.0.1:8720' },
    agents: { interval: 10_000, limit: 10 },
    query: { memory: 67_108_864, share: 0.5 },
    level: 'info',
    pack: true,
    receivers: [],
    tags: {},
  };
  expect(loadYaml('', schema, { file: 'f' })).toEqual(expected);
  expect(loadYaml('# nothing\nagents:\n  # interval: 5s\nquery: {}\n', schema, { file: 'f' })).toEqual(expected);
});

test.each([
  ['unknown key with a near one', 'agents:\n  intervall: 5s\n', ['f:2:3: agents.intervall: unknown key; did you mean "interval"?']],
  ['unknown key with none near', 'zebra: 1\n', ['f:1:1: zebra: unknown key']],
  ['duplicate key', 'name: ab\nname: cd\n', ['f:2:1: this key is given twice in one section; keep one']],
  ['missing unit', 'agents:\n  interval: 10\n', ['f:2:13: agents.interval: must be a duration such as 30s, 5m or 1h30m; got 10']],
  ['bad unit', 'agents: { interval: 10x }', ['f:1:21: agents.interval: must be a duration such as 30s, 5m or 1h30m; got "10x"']],
  ['below the bound', 'agents: { interval: 10ms }', ['f:1:21: agents.interval: must be at least 1s; got 10ms']],
  ['above the bound', 'query:\n  memory: 2GB', ['f:2:11: query.memory: must be at most 1GB; got 2GB']],
  ['no size', 'query:\n  memory: big', ['f:2:11: query.memory: must be a size such as 512KB, 64MB or 2GB; got "big"']],
  ['number too big', 'agents: {limit: 101}', ['f:1:17: agents.limit: must be at most 100; got 101']],
  ['no whole number', 'agents: {limit: 1.5}', ['f:1:17: agents.limit: must be a whole number; got 1.5']],
  ['wrong word', 'level: inof', ['f:1:8: level: must be one of debug, info, warn; got "inof"; did you mean "info"?']],
  ['YAML 1.1 truth', 'pack: yes', ['f:1:7: pack: must be true or false; got "yes"']],
  ['scalar for a section', 'agents: 5', ['f:1:9: agents: must be a section; got 5']],
  ['list for a section', 'agents: [1]', ['f:1:9: agents: must be a section; got a list']],
  ['section for a list', 'receivers: {a: 1}', ['f:1:12: receivers: must be a list; got a section']],
  ['missing key in a list', 'receivers:\n  - to: [a]\n', ['f:2:5: receivers[0].name: is missing']],
  ['wrong entry of a list', 'receivers:\n  - name: a\n    to: [a, 5]\n', ['f:3:13: receivers[0].to[1]: must be text; got 5']],
  [
    'unknown key in a list',
    'receivers:\n  - nam: a\n',
    ['f:2:5: receivers[0].nam: unknown key; did you mean "name"?', 'f:2:5: receivers[0].name: is missing'],
  ],
  ['bad address', 'listen: 8720', ['f:1:9: listen: must be an address and port such as 127.0.0.1:8720, [::1]:8720 or :8720; got 8720']],
  [
    'bad port',
    'listen: "a:70000"',
    ['f:1:9: listen: must be an address and port such as 127.0.0.1:8720, [::1]:8720 or :8720; got "a:70000"'],
  ],
  ['bad ratio', 'query: {share: 1.5}', ['f:1:16: query.share: must be a ratio from 0 to 1, or a percentage such as 80%; got 1.5']],
  ['short text', 'name: a', ['f:1:7: name: must have at least 2 characters; got "a"']],
  ['not a section at all', '- a', ['f:1:1: must be a section; got a list']],
  [
    'several at once, in the order of the file',
    'level: x\nagents:\n  limit: 0\n  interval: 1\n',
    [
      'f:1:8: level: must be one of debug, info, warn; got "x"',
      'f:3:10: agents.limit: must be at least 1; got 0',
      'f:4:13: agents.interval: must be a duration such as 30s, 5m or 1h30m; got 1',
    ],
  ],
])('%s', (_name, text, problems) => expect(checkYaml(text, schema, { file: 'f' })).toEqual({ problems }));

test('a syntax error names its place', () => {
  expect(checkYaml('a: [1,\nb', schema, { file: 'f' })).toEqual({
    problems: expect.arrayContaining([expect.stringMatching(/^f:2:\d+: not valid YAML: /)]),
  });
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'.replace(
    /./g,
    (c) =>
      `${c}: &${c} [${Array(9)
        .fill(`*${String.fromCharCode(c.charCodeAt(0) - 1)}`)
        .join(',')}]\n`,
  )}`;
  expect(checkYaml(bomb, schema, { file: 'f' })).toEqual({ problems: [expect.stringContaining('f:1:1: ')] });
});

test('loadYaml throws one error with a line per problem', () => {
  expect(() => loadYaml('x: 1\ny: 1', schema, { file: 'b.yml' })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: 'b.yml:1:1: x: unknown key\nb.yml:2:1: y: unknown key' }),
  );
});

describe('overrides', () => {
  const env = {
    BELLWETHER_AGENTS_INTERVAL: '2s',
    BELLWETHER_AGENTS_LIMIT: '7',
    BELLWETHER_NAME: '123',
    BELLWETHER_LISTEN: ':9',
    BELLWETHER_PACK: 'false',
    BELLWETHER_RECEIVERS: '[{name: a}]',
    BELLWETHER_OTHER: 'x',
    BELLWETHER_LEVEL: '',
  };

  test('the environment beats the file, flags beat both', () => {
    const flag = { path: ['agents', 'limit'], text: '8', source: '--limit' };
    const value = loadYaml('agents: {interval: 5s, limit: 1}\nlevel: warn', schema, {
      file: 'f',
      overrides: [...environmentOverrides(schema, 'BELLWETHER', env), flag],
    });
    expect(value).toMatchObject({
      agents: { interval: 2_000, limit: 8 },
      name: '123',
      listen: { host: '0.0.0.0', port: 9, text: '0.0.0.0:9' },
      pack: false,
      level: 'warn',
      receivers: [{ name: 'a', to: [] }],
    });
  });

  test('a wrong override is named by its source', () => {
    const overrides = environmentOverrides(schema, 'BELLWETHER', { BELLWETHER_AGENTS_LIMIT: 'many', BELLWETHER_QUERY_MEMORY: '{' });
    expect(checkYaml('agents: {interval: 5s}', schema, { file: 'f', overrides })).toEqual({
      problems: expect.arrayContaining([
        'BELLWETHER_AGENTS_LIMIT: agents.limit: must be a number; got "many"',
        'BELLWETHER_QUERY_MEMORY: query.memory: must be a size such as 512KB, 64MB or 2GB; got "{"',
      ]),
    });
  });
});

describe('secret', () => {
  test('is never shown', () => {
    const { token } = loadYaml('token: hunter2', schema, { file: 'f' });
    for (const text of [String(token), JSON.stringify({ token }), inspect({ token }, { depth: 9, showHidden: true }), `${token}`]) {
      expect(text).not.toContain('hunter2');
      expect(text).toContain('***');
    }
    expect(token!.reveal()).toBe('hunter2');
  });

  test('may come from a file, read each time, or the environment', () => {
    const dir = mkdtempSync(join(tmpdir(), 'bellwether-secret-'));
    const file = join(dir, 's');
    const kept = new Secret(`file:${file}`);
    expect(() => kept.reveal()).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(file) }));
    writeFileSync(file, 'one\n');
    expect(kept.reveal()).toBe('one');
    writeFileSync(file, 'two');
    expect(kept.reveal()).toBe('two');
    rmSync(dir, { recursive: true });
    process.env.BELLWETHER_TEST_SECRET = 'three';
    expect(new Secret('env:BELLWETHER_TEST_SECRET').reveal()).toBe('three');
    delete process.env.BELLWETHER_TEST_SECRET;
    expect(() => new Secret('env:BELLWETHER_TEST_SECRET').reveal()).toThrow('BELLWETHER_TEST_SECRET is not set');
  });
});

test.each([
  ['64MB', 64 * 1024 ** 2],
  ['64 MiB', 64 * 1024 ** 2],
  ['1.5k', 1536],
  ['0', 0],
  ['7B', 7],
  ['2tb', 2 * 1024 ** 4],
  ['-1', undefined],
  ['', undefined],
  ['MB', undefined],
  ['1XB', undefined],
  ['9e9', undefined],
])('parseBytes %j', (text, expected) => expect(parseBytes(text)).toBe(expected));

test('a size that is printed reads as itself', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (n) => parseBytes(formatBytes(n)) === n));
});

test.each([
  ['127.0.0.1:8720', { host: '127.0.0.1', port: 8720, text: '127.0.0.1:8720' }],
  ['[::1]:80', { host: '::1', port: 80, text: '[::1]:80' }],
  ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80, text: '[fe80::1%eth0]:80' }],
  [':0', { host: '0.0.0.0', port: 0, text: '0.0.0.0:0' }],
  ['db.lan:1', { host: 'db.lan', port: 1, text: 'db.lan:1' }],
  ['8720', undefined],
  ['::1:80', undefined],
  ['a b:1', undefined],
  ['a:', undefined],
  ['a:99999', undefined],
])('parseListenAddress %j', (text, expected) => expect(parseListenAddress(text)).toEqual(expected));

test.each([
  ['intervall', 'interval'],
  ['retenion', 'retention'],
  ['lsiten', 'listen'],
  ['data-dir', 'data_dir'],
  ['zzz', undefined],
  ['', undefined],
])('nearName %j', (word, expected) => expect(nearName(word, ['interval', 'retention', 'listen', 'data_dir'])).toBe(expected));

test('any text gives a value or problems, nothing else', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom('a', ':', ' ', '\n', '-', '[', '{', '&', '*', '#', '!', '"') })),
      (text) => {
        const result = checkYaml(text, schema, { file: 'f' });
        return 'value' in result || (result.problems.length > 0 && result.problems.every((line) => /^f:\d+:\d+: /.test(line)));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('describeSchema gives path, type, default, bounds and help', () => {
  expect(
    describeSchema(schema).map(({ path, type, default: value, bounds, required, restart, help }) => [
      path,
      type,
      value,
      bounds,
      required,
      restart,
      help,
    ]),
  ).toEqual([
    ['listen', 'address', '127.0.0.1:8720', undefined, false, true, 'Where to listen.'],
    ['name', 'text', undefined, undefined, false, false, 'Shown on pages.'],
    ['agents', 'section', undefined, undefined, false, false, ''],
    ['agents.interval', 'duration', '10s', '1s to 1h', false, false, 'Time between readings.'],
    ['agents.limit', 'integer', '10', '1 to 100', false, false, ''],
    ['query', 'section', undefined, undefined, false, false, ''],
    ['query.memory', 'bytes', '64MB', 'at most 1GB', false, false, ''],
    ['query.share', 'ratio', '0.5', '0 to 1', false, false, ''],
    ['level', 'one of debug, info, warn', 'info', undefined, false, false, ''],
    ['pack', 'true or false', 'true', undefined, false, false, ''],
    ['token', 'secret', undefined, undefined, false, false, ''],
    ['receivers', 'list of sections', '[]', undefined, false, false, ''],
    ['receivers[].name', 'text', undefined, undefined, true, false, ''],
    ['receivers[].to', 'list of text', '[]', undefined, false, false, ''],
    ['tags', 'map of text', undefined, undefined, false, false, ''],
  ]);
});
