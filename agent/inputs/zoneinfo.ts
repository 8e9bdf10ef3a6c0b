import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { type Row, rowsInput } from './sysfs.ts';

const PAGES = gauge('Pages of this kind in the zone.');
const EVENTS = counter('Pages handed out or written, as the kernel names it.');
const OTHER = gauge('As the kernel names it.');
/** Sizes of the zone itself, below the line `pages free`. */
const SIZES = new Set('min low high spanned present managed scanned cma'.split(' '));
const FIELDS = new Map<string, string>([
  ...(
    'nr_free_pages nr_inactive_anon nr_active_anon nr_inactive_file nr_active_file nr_unevictable nr_slab_reclaimable nr_slab_unreclaimable ' +
    'nr_isolated_anon nr_isolated_file nr_anon_pages nr_mapped nr_file_pages nr_dirty nr_writeback nr_shmem'
  )
    .split(' ')
    .map((key): [string, string] => [key, key.endsWith('_pages') ? key : `${key}_pages`]),
  ['nr_kernel_stack', 'nr_kernel_stacks'],
  ['nr_anon_transparent_hugepages', 'nr_anon_transparent_hugepages'],
  ...'nr_dirtied nr_written numa_hit numa_miss numa_foreign numa_interleave numa_local numa_other'
    .split(' ')
    .map((key): [string, string] => [key, `${key}_total`]),
]);

export default defineInput({
  name: 'zoneinfo',
  help: 'Memory by node and zone, from /proc/zoneinfo.',
  metrics: { 'node_zoneinfo_*_pages': PAGES, 'node_zoneinfo_*_total': EVENTS, 'node_zoneinfo_*': OTHER },
  offByDefault: true,
  intervalMs: 10_000,
  slow: true,
  priority: 'extra',
  create: ({ paths, frame }) => rowsInput(frame, () => parseZoneinfo(readFileSync(join(paths.procfs, 'zoneinfo'), 'utf8'))),
});

/** Sections of `Node 0, zone DMA`; the first zone of a node also holds the node's own numbers. */
export function parseZoneinfo(text: string): Row[] {
  return text.split(/^(?=Node )/m).flatMap((section) => {
    const [, node, zone] = /^Node (\d+), zone\s+(\S+)/.exec(section) ?? [];
    if (node === undefined || zone === undefined) return [];
    const labels = { node, zone };
    // What follows is told by CPU.
    const [body = ''] = section.split(/^\s+pagesets$/m);
    return body.split('\n').flatMap((line) => lineRows(line.trim(), labels));
  });
}

function lineRows(line: string, labels: Readonly<Record<string, string>>): Row[] {
  const protection = /^protection: \(([\d, ]+)\)$/.exec(line)?.[1];
  if (protection !== undefined) return protection.split(',').map((pages, i) => row(`protection_${i}`, labels, Number(pages)));
  const [, key = '', number] = /^(\w+)\s+(\d+)$/.exec(line) ?? [];
  if (number === undefined) return [];
  if (SIZES.has(key)) return [row(`${key}_pages`, labels, Number(number))];
  const name = FIELDS.get(key);
  return name === undefined ? [] : [row(name, labels, Number(number))];
}

function row(name: string, labels: Readonly<Record<string, string>>, value: number): Row {
  const info = name.endsWith('_total') ? EVENTS : name.endsWith('_pages') ? PAGES : OTHER;
  return [{ name: `node_zoneinfo_${name}`, labels, ...info }, value];
}
