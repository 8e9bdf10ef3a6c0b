import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { type Row, rowsInput } from './sysfs.ts';

const METRICS = {
  node_cpu_info: gauge('What this CPU is; always 1.'),
  node_cpu_flag_info: gauge('The first CPU has this feature; always 1. For those that match `flags-include`.'),
  node_cpu_bug_info: gauge('The first CPU has this bug; always 1. For those that match `bugs-include`.'),
  node_cpu_frequency_hertz: gauge('Clock of this CPU, where no driver of /sys tells it.'),
};
/** Labels of node_cpu_info and the keys of /proc/cpuinfo; s390 and ARM have few of them. */
const LABELS = {
  package: 'physical id',
  core: 'core id',
  cpu: 'processor',
  vendor: 'vendor_id',
  family: 'cpu family',
  model: 'model',
  model_name: 'model name',
  microcode: 'microcode',
  stepping: 'stepping',
  cachesize: 'cache size',
};
const MEGAHERTZ = 1e6;

export default defineInput({
  name: 'cpu_info',
  help: 'Model, features and clock of each CPU, from /proc/cpuinfo, which is dear to read on machines with many.',
  metrics: METRICS,
  priority: 'extra',
  options: {
    'flags-include': { kind: 'pattern', default: '', help: 'Features to report; empty = none.' },
    'bugs-include': { kind: 'pattern', default: '', help: 'Bugs to report; empty = none.' },
  },
  offByDefault: true,
  intervalMs: 60_000,
  slow: true,
  create({ paths, frame, options }) {
    const flags = options.pattern('flags-include');
    const bugs = options.pattern('bugs-include');
    return rowsInput(frame, () => {
      const cpus = parseCpuinfo(readFileSync(join(paths.procfs, 'cpuinfo'), 'utf8'));
      return [
        ...cpus.flatMap(cpuRows),
        ...words(cpus[0]?.get('flags'), flags).map((flag) => row('node_cpu_flag_info', { flag }, 1)),
        ...words(cpus[0]?.get('bugs'), bugs).map((bug) => row('node_cpu_bug_info', { bug }, 1)),
      ];
    });
  },
});

function cpuRows(cpu: ReadonlyMap<string, string>): Row[] {
  const labels = Object.fromEntries(Object.entries(LABELS).map(([label, key]) => [label, cpu.get(key) ?? '']));
  const { package: socket, core, cpu: number } = labels;
  const megahertz = Number(cpu.get('cpu MHz') ?? Number.NaN);
  return [
    row('node_cpu_info', labels, 1),
    row('node_cpu_frequency_hertz', { package: socket!, core: core!, cpu: number! }, Math.round(megahertz * MEGAHERTZ)),
  ];
}

function words(text: string | undefined, wanted: RegExp | undefined): string[] {
  return wanted === undefined ? [] : (text ?? '').split(/\s+/).filter((word) => word !== '' && wanted.test(word));
}

function row(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, value: number): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}

/** `key : value` lines, one paragraph a CPU; paragraphs about the machine as a whole are left out. */
export function parseCpuinfo(text: string): ReadonlyMap<string, string>[] {
  return text
    .split('\n\n')
    .map((paragraph) => new Map(paragraph.split('\n').map((line) => splitAtColon(line))))
    .filter((cpu) => cpu.has('processor'));
}

function splitAtColon(line: string): [string, string] {
  const at = line.indexOf(':');
  return at < 0 ? [line.trim(), ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}
