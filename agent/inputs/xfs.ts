import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counter, defineInput } from './input.ts';
import { isAbsence } from './kept-file.ts';
import { entriesOf, type Row, rowsInput } from './sysfs.ts';

/** First word of a line, and what its numbers count, in order; empty names are not told. */
const LINES: Readonly<Record<string, readonly string[]>> = {
  extent_alloc: named('extent_allocation_*', 'extents_allocated blocks_allocated extents_freed blocks_freed'),
  abt: named('allocation_btree_*', 'lookups compares records_inserted records_deleted'),
  blk_map: [
    ...named('block_mapping_*', 'reads writes unmaps'),
    ...named('block_mapping_extent_list_*', 'insertions deletions lookups compares'),
  ],
  bmbt: named('block_map_btree_*', 'lookups compares records_inserted records_deleted'),
  dir: named('directory_operation_*', 'lookup create remove getdents'),
  ig: named('inode_operation_*', 'attempts found recycled missed duplicates reclaims attribute_changes'),
  rw: ['write_calls', 'read_calls'],
  vnodes: named('vnode_*', 'active allocate get hold release reclaim remove'),
};

function named(pattern: string, words: string): string[] {
  return words.split(' ').map((word) => pattern.replace('*', word));
}

export default defineInput({
  name: 'xfs',
  help: 'Work of each mounted XFS filesystem, from /sys/fs/xfs/DEVICE/stats/stats.',
  metrics: Object.fromEntries(
    Object.values(LINES).flatMap((names) => names.map((name) => [`node_xfs_${name}_total`, metricOf(name)] as const)),
  ),
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'fs/xfs');
    return rowsInput(frame, () => entriesOf(folder, /^(?!stats$)/).flatMap((device) => deviceRows(folder, device)));
  },
});

/** The kernel writes no more into a file of sysfs. */
const PAGE_CHARS = 4096;

function metricOf(name: string) {
  return counter(`XFS: ${name.replaceAll('_', ' ')}.`);
}

function deviceRows(folder: string, device: string): Row[] {
  let text: string;
  try {
    text = readFileSync(join(folder, device, 'stats/stats'), 'utf8').slice(0, PAGE_CHARS);
  } catch (error) {
    // Folders about XFS itself (`debug`), and what was unmounted between listing and reading.
    if (isAbsence(error)) return [];
    throw error;
  }
  return parseXfsStats(text).map(([name, value]) => [{ name: `node_xfs_${name}_total`, labels: { device }, ...metricOf(name) }, value]);
}

/** What is told of a stats file: name of the count, and the count. */
export function parseXfsStats(text: string): [string, number][] {
  return text.split('\n').flatMap((line) => {
    const [word = '', ...numbers] = line.split(' ');
    const names = Object.hasOwn(LINES, word) ? LINES[word]! : [];
    return names.flatMap((name, i): [string, number][] => (/^\d+$/.test(numbers[i] ?? '') ? [[name, Number(numbers[i])]] : []));
  });
}
