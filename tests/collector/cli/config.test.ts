import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig, renderConfigReference, restartKeys } from '../../../collector/config.ts';

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, 'config');
const files = readdirSync(folder);

test.each(files.filter((file) => file.endsWith('.good.yml')))('%s is good', async (file) => {
  const loaded = await loadConfig({ file: join(folder, file), env: {} });
  expect(loaded.file).toBe(join(folder, file));
});

test.each(files.filter((file) => file.endsWith('.bad.yml')))('%s is bad as it says', async (file) => {
  const path = join(folder, file);
  const expected = [...readFileSync(path, 'utf8').matchAll(/^# (.*\.bad\.yml:.*)$/gm)].map((match) => `${folder}/${match[1]}`);
  await expect(loadConfig({ file: path, env: {} })).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expected.join('\n') });
});

test('without a file the defaults hold, frozen all the way down', async () => {
  const { config, file } = await loadConfig({ env: {} });
  expect(file).toBeUndefined();
  expect(config).toMatchObject({
    listen: { host: '127.0.0.1', port: 8720, text: '127.0.0.1:8720' },
    data_dir: resolve('data'),
    agents: { interval: 10_000 },
    rules: { files: [], pack: true },
    alerting: { receivers: [] },
  });
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.rules.files)).toBe(true);
  expect(Object.isFrozen(config.alerting)).toBe(true);
});

test('paths of a file are relative to it; the data directory is not', async () => {
  const { config } = await loadConfig({ file: join(folder, 'full.good.yml'), env: {} });
  expect(config.rules.files).toEqual([join(folder, 'rules/*.yml')]);
  expect(config.tls).toEqual({ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') });
  expect((await loadConfig({ env: {}, overrides: [{ path: ['data_dir'], text: 'x', source: '--data-dir' }] })).config.data_dir).toBe(
    resolve('x'),
  );
});

test('environment beats file, flags beat environment; a wrong one is named', async () => {
  const env = {
    BELLWETHER_LISTEN: '127.0.0.1:1',
    BELLWETHER_AGENTS_INTERVAL: '2s',
    BELLWETHER_CORPORA: '/somewhere',
    BELLWETHER_AGENT_URL: 'http://x',
  };
  const flag = { path: ['listen'], text: '127.0.0.1:2', source: '--listen' };
  const { config } = await loadConfig({ file: join(folder, 'full.good.yml'), env, overrides: [flag] });
  expect([config.listen.port, config.agents.interval]).toEqual([2, 2_000]);
  await expect(loadConfig({ env: { BELLWETHER_LISTEN: 'x' } })).rejects.toThrow(/^BELLWETHER_LISTEN: listen: must be an address/);
});

test('a file that is named must be there', async () => {
  await expect(loadConfig({ file: '/nowhere.yml', env: {} })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('/nowhere.yml'),
  });
});

test('what a reload cannot change is told', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'bellwether-config-'));
  const load = async (text: string) => {
    writeFileSync(join(dir, 'c.yml'), text);
    return (await loadConfig({ file: join(dir, 'c.yml'), env: {} })).config;
  };
  const before = await load('retention: 5d\n');
  expect(restartKeys(before, await load('retention: 5d\nrules: { pack: false }\n'))).toEqual([]);
  expect(restartKeys(before, await load('retention: 6d\nlisten: :1\nagents: { interval: 5s }'))).toEqual(['listen', 'retention', 'agents']);
  rmSync(dir, { recursive: true });
});

test('docs/reference/config.md is what the schema says (npm run gen)', () => {
  expect(readFileSync(join(here, '../../../docs/reference/config.md'), 'utf8')).toBe(renderConfigReference());
});
