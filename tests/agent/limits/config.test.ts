import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAgentConfig } from '../../../agent/config.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bellwether-limits-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function limitsOf(text: string, env: Record<string, string> = {}) {
  const file = join(dir, 'agent.yml');
  await writeFile(file, text);
  return (await loadAgentConfig({ file, env, isRoot: false })).limits;
}

const MB = 1024 ** 2;

test.each([
  ['', { cpu: 0.1, memoryBytes: 128 * MB, uplinkBytesPerS: 0 }],
  ['limits: { cpu: 25%, memory: 256MB, uplink: 16KB }', { cpu: 0.25, memoryBytes: 256 * MB, uplinkBytesPerS: 16_384 }],
  ['limits: { cpu: 0, memory: 0, uplink: 0 }', { cpu: 0, memoryBytes: 0, uplinkBytesPerS: 0 }],
])('%j', async (text, limits) => {
  expect(await limitsOf(text)).toEqual(limits);
});

test('from the environment', async () => {
  expect(await limitsOf('', { BELLWETHER_AGENT_LIMITS_CPU: '5%', BELLWETHER_AGENT_LIMITS_UPLINK: '2KB' })).toMatchObject({
    cpu: 0.05,
    uplinkBytesPerS: 2_048,
  });
});

test.each([
  ['limits: { cpu: 2 }', /agent\.yml:1:\d+: limits\.cpu: must be a ratio from 0 to 1/],
  ['limits: { cpu: lots }', /limits\.cpu: must be a ratio/],
  ['limits: { memory: 10MB }', /limits\.memory: must be 0 \(no limit\) or at least 64MB/],
  ['limits:\n  uplink: 100', /agent\.yml:2:\d+: limits\.uplink: must be 0 \(no limit\) or at least 1KB/],
  ['limits: { uplink: -1 }', /limits\.uplink: must be a size/],
  ['limits: { disk: 1GB }', /limits\.disk/],
])('%j is refused', async (text, message) => {
  await expect(limitsOf(text)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) });
});
