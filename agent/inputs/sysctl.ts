import { join } from 'node:path';
import { AppError } from '@bellwether/shared';
import { defineInput, gauge, untyped } from './input.ts';
import { type Row, rowsInput, textOf } from './sysfs.ts';

const NUMBER = untyped('A setting of the kernel.');
const INFO = gauge('A word of a setting of the kernel; always 1.');
/** `net.ipv4.tcp_mem`, or with slashes where a part holds dots: `net/ipv4/conf/eth0.5/rp_filter`. No part is `..`. */
const NAME = /^(?:[\w-]+(?:\.[\w-]+)+|[\w-]+(?:\/[\w-]+(?:[.:][\w-]+)*)+)$/;

/** A setting to read, as `NAME` or `NAME:a,b,c`: with names, each of its numbers is a metric of its own, and those without a name are left out. */
export interface Sysctl {
  readonly name: string;
  readonly parts: readonly string[];
}

export default defineInput({
  name: 'sysctl',
  help: 'Settings of the kernel, from /proc/sys: those that are listed.',
  metrics: { 'node_sysctl_*': NUMBER, node_sysctl_info: INFO },
  priority: 'extra',
  options: {
    include: { kind: 'words', default: '', help: 'Settings that are numbers, as `fs.nr_open` or `fs.file-nr:total,current,max`.' },
    'include-info': { kind: 'words', default: '', help: 'Settings that are words, as `kernel.seccomp.actions_avail`.' },
  },
  offByDefault: true,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame, options }) {
    const numbers = options.words('include').map(parseSysctl);
    const infos = options.words('include-info').map(parseSysctl);
    const wordsOf = ({ name }: Sysctl) => {
      const text = textOf(paths.procfs, 'sys', pathOf(name));
      return text === undefined || text === '' ? [] : text.split(/\s+/);
    };
    return rowsInput(frame, () => [
      ...numbers.flatMap((sysctl) => numberRows(sysctl, wordsOf(sysctl))),
      ...infos.flatMap((sysctl) => infoRows(sysctl.name, wordsOf(sysctl))),
    ]);
  },
});

/** Throws CONFIG_INVALID for what is no name of a setting: nothing else may become a path. */
export function parseSysctl(text: string): Sysctl {
  const [name = '', parts = ''] = text.split(':');
  if (!NAME.test(name) || !/^[\w,]*$/.test(parts))
    throw new AppError('CONFIG_INVALID', `inputs.sysctl: ${text} is no setting; write fs.nr_open, or fs.file-nr:total,current,max.`);
  return { name, parts: parts === '' ? [] : parts.split(',') };
}

/** As sysctl(8) has it: dots part folders, unless slashes do; then dots stand for themselves. */
function pathOf(name: string): string {
  return name.includes('/') ? name : join(...name.split('.'));
}

function numberRows({ name, parts }: Sysctl, words: readonly string[]): Row[] {
  const metric = `node_sysctl_${name.replace(/[^A-Za-z0-9_]/g, '_')}`;
  const numbers = words.map((word) => (/^-?\d+$/.test(word) ? Number(word) : Number.NaN));
  if (parts.length > 0)
    return parts.flatMap((part, i): Row[] => (part === '' ? [] : [[{ name: `${metric}_${part}`, ...NUMBER }, numbers[i] ?? Number.NaN]]));
  if (numbers.length === 1) return [[{ name: metric, ...NUMBER }, numbers[0]!]];
  return numbers.map((number, i) => [{ name: metric, labels: { index: String(i) }, ...NUMBER }, number]);
}

function infoRows(name: string, words: readonly string[]): Row[] {
  return words.map((value, i) => [{ name: 'node_sysctl_info', labels: { name, value, index: String(i) }, ...INFO }, 1]);
}
