import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput } from './input.ts';
import { entriesOf, type Row, rowsInput } from './sysfs.ts';

const METRIC = counter('A column of the subsystem’s file, by CPU.');

export default defineInput({
  name: 'lnstat',
  help: 'Statistics of neighbour tables, routes and connection tracking by CPU, from /proc/net/stat.',
  metrics: { 'node_lnstat_*_total': METRIC },
  offByDefault: true,
  intervalMs: 10_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.procfs, 'net/stat');
    return rowsInput(frame, () => entriesOf(folder).flatMap((file) => parseLnstat(readFileSync(join(folder, file), 'utf8'), file)));
  },
});

/** A line of headings, then one of hexadecimal numbers a CPU. */
export function parseLnstat(text: string, subsystem: string): Row[] {
  const [headings = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const names = headings.trim().split(/\s+/);
  return lines.flatMap((line, cpu) =>
    line
      .trim()
      .split(/\s+/)
      .flatMap((word, i): Row[] => {
        const name = names[i];
        if (name === undefined || !/^\w+$/.test(name) || !/^[0-9a-f]{1,16}$/i.test(word)) return [];
        return [[{ name: `node_lnstat_${name}_total`, labels: { subsystem, cpu: String(cpu) }, ...METRIC }, Number.parseInt(word, 16)]];
      }),
  );
}
