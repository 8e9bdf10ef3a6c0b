/** The agent's file says which inputs run and what they read. */
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import { loadAgentConfig } from '../../../agent/config.ts';
import { createCollector } from '../../../agent/inputs/collect.ts';
import { TempTree } from './support.ts';

let tree: TempTree;
beforeEach(() => {
  tree = new TempTree();
});
afterEach(() => tree.cleanUp());

async function scheduleOf(yaml: string) {
  tree.write('agent.yml', yaml);
  const { inputs } = await loadAgentConfig({ file: join(tree.root, 'agent.yml'), env: {}, isRoot: false });
  const collector = createCollector({ paths: tree.paths, baseLabels: {}, clock: new SteppedClock(0), log: silentLog, inputs });
  const schedule = new Map(collector.schedule.map(({ name, intervalMs }) => [name, intervalMs]));
  collector.close();
  return schedule;
}

const OFF = ['interrupts', 'slabinfo', 'zoneinfo', 'sysctl', 'cpu_info'];

test('inputs that are off by default stay off, the others run at their pace', async () => {
  const schedule = await scheduleOf('');
  expect(OFF.filter((name) => schedule.has(name))).toEqual([]);
  expect([schedule.get('hwmon'), schedule.get('mdadm'), schedule.get('dmi')]).toEqual([10_000, 60_000, 120_000]);
});

test('the file switches them on and off', async () => {
  const schedule = await scheduleOf(`inputs:
  interrupts: { enabled: true, name-include: '^LOC;' }
  sysctl: { enabled: true, include: [fs.nr_open, 'fs.file-nr:total,current,max'] }
  hwmon: { interval: 30s }
  smart: { devices: [/dev/sda, '/dev/bus/0@megaraid,3'], every: 1h }
  mdadm: { enabled: false }
`);
  expect([schedule.has('interrupts'), schedule.has('sysctl'), schedule.has('mdadm')]).toEqual([true, true, false]);
  expect(schedule.get('hwmon')).toBe(30_000);
});

test.each([
  ['inputs: { sysctl: { enabled: true, include: fs.nr_open } }', /include/],
  ['inputs: { sysctl: { enabled: true, include: [../shadow] } }', /\.\.\/shadow is no setting/],
  ['inputs: { smart: { devices: [--all] } }', /--all is no disk/],
  ['inputs: { hwmon: { chip-include: "(" } }', /chip-include/],
])('%s is refused', async (yaml, message) => {
  await expect(scheduleOf(yaml)).rejects.toThrow(message);
});
