/** Each folder of golden/ holds answers in the shapes the library documents for a system, and the series they make; UPDATE_GOLDEN=1 writes those anew. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SteppedClock, silentLog } from '@bellwether/shared';
import { onceText } from '../../../agent/cli/once.ts';
import { cpuCells } from '../../../agent/elsewhere/cpu.ts';
import { elsewhereInputs, inputsHere } from '../../../agent/elsewhere/index.ts';
import { loadCells } from '../../../agent/elsewhere/loadavg.ts';
import { showCells } from '../../../agent/inputs/cells.ts';
import { createCollector } from '../../../agent/inputs/collect.ts';
import { INPUTS } from '../../../agent/inputs/index.ts';
import { defineInput } from '../../../agent/inputs/input.ts';

const GOLDEN = join(import.meta.dirname, 'golden');
const FROM_NODE = ['agent_self', 'cpu', 'loadavg', 'textfile'];

test.each(readdirSync(GOLDEN))('%s', async (name) => {
  const answers = JSON.parse(readFileSync(join(GOLDEN, name, 'answers.json'), 'utf8')) as Record<string, unknown> & {
    cpus: Parameters<typeof cpuCells>[0];
    load: number[];
  };
  const library = new Proxy({}, { get: (_, question) => () => Promise.resolve(answers[String(question)]) });
  const fromNode = defineInput({
    name: 'node',
    help: '',
    metrics: {},
    create: ({ frame }) => ({ read: () => showCells(frame, [...cpuCells(answers.cpus), ...loadCells(answers.load)]) }),
  });
  const definitions = elsewhereInputs(() => library).filter((definition) => !FROM_NODE.includes(definition.name));
  const inputs = Object.fromEntries(definitions.map((definition) => [definition.name, { enabled: true }]));
  const collector = createCollector({
    baseLabels: {},
    clock: new SteppedClock(0),
    log: silentLog,
    definitions: [...definitions, fromNode],
    inputs,
  });
  const text = onceText(await collector.collect(0)).replace(/^.*node_scrape_collector_duration_seconds.*\n/gm, '');
  collector.close();
  const expected = join(GOLDEN, name, 'expected.txt');
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, text);
  expect(text).toBe(readFileSync(expected, 'utf8'));
});

test('the real library and Node on the machine at hand', async () => {
  const clock = new SteppedClock(1_700_000_000_000);
  const definitions = elsewhereInputs();
  const collector = createCollector({ baseLabels: {}, clock, log: silentLog, definitions });
  const { readings } = await collector.collect(clock.now());
  const groups = readings.map(({ group }) => group);
  expect(groups).toEqual(expect.arrayContaining(['cpu', 'loadavg', 'meminfo', 'filesystem']));
  collector.close();
});

test('a library that hangs costs its inputs and nothing else', async () => {
  const clock = new SteppedClock(0);
  const library = new Proxy({}, { get: () => () => new Promise(() => {}) });
  const collector = createCollector({ baseLabels: {}, clock, log: silentLog, definitions: elsewhereInputs(() => library) });
  const collecting = collector.collect(0);
  await clock.advance(1_000);
  const groups = (await collecting).readings.map(({ group }) => group);
  expect(groups).toEqual(expect.arrayContaining(['cpu', 'loadavg', 'textfile']));
  expect(groups).not.toContain('meminfo');
  collector.close();
});

test('they are chosen where there is no procfs, and none was named', () => {
  expect(inputsHere({ procfs: '/nowhere/proc' })).toBe(INPUTS);
  expect(inputsHere({ procfs: '/proc' }) === INPUTS).toBe(process.platform === 'linux');
});

test('they carry the names of Linux’ inputs, so that one file configures both', () => {
  const names = new Set(INPUTS.map(({ name }) => name));
  expect(elsewhereInputs().filter(({ name }) => !names.has(name))).toEqual([]);
});
