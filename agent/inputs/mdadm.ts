import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesIfAny, numberOf, type Row, rowsInput } from './sysfs.ts';

const METRICS = {
  node_md_disks: gauge('Disks of the array by state.'),
  node_md_disks_required: gauge('Disks the array needs to be whole.'),
  node_md_state: gauge('1 for the state the array is in.'),
  node_md_blocks: gauge('Size of the array, blocks of 1 KiB.'),
  node_md_blocks_synced: gauge('Blocks that are in step; below node_md_blocks while the array is rebuilt or checked.'),
  node_md_raid_disks: gauge('Disks the array was made for.'),
  node_md_degraded: gauge('Disks the array is missing.'),
};
const STATES = ['active', 'inactive', 'recovering', 'resync', 'check'] as const;

export interface MdArray {
  readonly device: string;
  readonly state: (typeof STATES)[number];
  readonly active: number;
  readonly required: number;
  readonly failed: number;
  readonly spare: number;
  readonly blocks: number;
  readonly synced: number;
}

export default defineInput({
  name: 'mdadm',
  help: 'Software RAID, from /proc/mdstat and /sys/block/md*/md.',
  metrics: METRICS,
  intervalMs: 60_000,
  slow: true,
  create: ({ paths, frame }) =>
    rowsInput(frame, () => [
      ...parseMdstat(readFileSync(join(paths.procfs, 'mdstat'), 'utf8')).flatMap(arrayRows),
      ...entriesIfAny(join(paths.sysfs, 'block'), /^md/).flatMap((device) => sysfsRows(join(paths.sysfs, 'block', device, 'md'), device)),
    ]),
});

function arrayRows({ device, state, active, required, failed, spare, blocks, synced }: MdArray): Row[] {
  const disks = Object.entries({ active, failed, spare });
  return [
    ...disks.map(([kind, count]) => row('node_md_disks', { device, state: kind }, count)),
    row('node_md_disks_required', { device }, required),
    ...STATES.map((one) => row('node_md_state', { device, state: one }, one === state ? 1 : 0)),
    row('node_md_blocks', { device }, blocks),
    row('node_md_blocks_synced', { device }, synced),
  ];
}

function sysfsRows(path: string, device: string): Row[] {
  const disks = numberOf(path, 'raid_disks');
  if (disks === undefined) return [];
  // Levels without redundancy have no such file: they are whole or gone.
  return [row('node_md_raid_disks', { device }, disks), row('node_md_degraded', { device }, numberOf(path, 'degraded') ?? 0)];
}

function row(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, value: number): Row {
  return [{ name, labels, ...METRICS[name] }, value];
}

/** The arrays of /proc/mdstat. An array without its second line, the one with the size, is left out. */
export function parseMdstat(text: string): MdArray[] {
  const sections = text.split(/\n(?=\S)/).filter((section) => !/^(Personalities|unused devices)\b/.test(section));
  return sections.flatMap((section) => {
    const [head = '', status = '', ...rest] = section.split('\n');
    const [, device, activity, members = ''] = /^(\S+) : (active|inactive)\b(.*)$/.exec(head) ?? [];
    const blocks = /^\s*(\d+) blocks/.exec(status)?.[1];
    if (device === undefined || activity === undefined || blocks === undefined) return [];
    return [arrayOf(device, activity === 'active', members, status, rest.join('\n'), Number(blocks))];
  });
}

function arrayOf(device: string, running: boolean, members: string, status: string, progress: string, blocks: number): MdArray {
  const disks = members.match(/\S+\[\d+\](\([A-Z]\))*/g) ?? [];
  const failed = disks.filter((disk) => disk.includes('(F)')).length;
  const spare = disks.filter((disk) => disk.includes('(S)')).length;
  const [, required, active] = /\[(\d+)\/(\d+)\] \[[U_]+\]/.exec(status) ?? [];
  // Striped and linear arrays do not count their disks: all of them are needed.
  const whole = disks.length - failed - spare;
  const { state, synced } = progressOf(progress, blocks);
  return {
    device,
    state: running ? state : 'inactive',
    active: running ? Number(active ?? whole) : 0,
    required: running ? Number(required ?? whole) : 0,
    failed,
    spare,
    blocks,
    synced: running ? synced : blocks,
  };
}

/** What the lines below an array say: nothing when all is well, else how far the work is. */
function progressOf(text: string, blocks: number): { state: 'active' | 'recovering' | 'resync' | 'check'; synced: number } {
  const [, word] = /\b(recovery|reshape|resync|check)\b/.exec(text) ?? [];
  if (word === undefined) return { state: 'active', synced: blocks };
  const done = /\((\d+)\/\d+\)/.exec(text)?.[1];
  const state = word === 'check' ? 'check' : word === 'resync' ? 'resync' : 'recovering';
  // DELAYED and PENDING: the work is due and has not begun.
  return { state, synced: Number(done ?? 0) };
}
