import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput } from './input.ts';
import { isWanted, type Row, rowsInput } from './sysfs.ts';

const METRIC = counter('Interrupts by CPU and source.');

export default defineInput({
  name: 'interrupts',
  help: 'Interrupts of each CPU by source, from /proc/interrupts: as many series as CPUs times sources.',
  metrics: { node_interrupts_total: METRIC },
  priority: 'extra',
  options: {
    'name-include': { kind: 'pattern', default: '', help: 'Sources to report, as `type;info;devices`; empty = all that are not excluded.' },
    'name-exclude': { kind: 'pattern', default: '', help: 'Sources to leave out, as `type;info;devices`.' },
    'include-zeros': { kind: 'boolean', default: true, help: 'Also report counts of 0.' },
  },
  offByDefault: true,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame, options }) {
    const include = options.pattern('name-include');
    const exclude = options.pattern('name-exclude');
    const zeros = options.flag('include-zeros');
    return rowsInput(frame, () =>
      parseInterrupts(readFileSync(join(paths.procfs, 'interrupts'), 'utf8'))
        .filter(({ type, info, devices }) => isWanted(`${type};${info};${devices}`, include, exclude))
        .flatMap(({ counts, ...source }) =>
          counts.flatMap(([cpu, count]): Row[] =>
            count === 0 && !zeros ? [] : [[{ name: 'node_interrupts_total', labels: { cpu, ...source }, ...METRIC }, count]],
          ),
        ),
    );
  },
});

export interface InterruptSource {
  /** Number, or the short name of those that have none. */
  readonly type: string;
  readonly info: string;
  readonly devices: string;
  readonly counts: readonly (readonly [cpu: string, count: number])[];
}

/** Lines without a count for every CPU (ERR, MIS) are left out: they belong to none. */
export function parseInterrupts(text: string): InterruptSource[] {
  const [heading = '', ...lines] = text.split('\n');
  const cpus = [...heading.matchAll(/CPU(\d+)/g)].map(([, cpu]) => cpu!);
  return lines.flatMap((line) => {
    const [, type, rest] = /^\s*([^:\s]+):\s+(.*)$/.exec(line) ?? [];
    if (type === undefined || rest === undefined) return [];
    const words = rest.trim().split(/\s+/);
    const counts = words.slice(0, cpus.length);
    if (counts.length < cpus.length || !counts.every((count) => /^\d+$/.test(count))) return [];
    const tail = words.slice(cpus.length);
    // Numbered ones: the controller, then who uses it. Others: what they are.
    const named = /^\d/.test(type) ? { info: tail[0] ?? '', devices: tail.slice(1).join(' ') } : { info: tail.join(' '), devices: '' };
    return [{ type, ...named, counts: cpus.map((cpu, i) => [cpu, Number(counts[i])] as const) }];
  });
}
