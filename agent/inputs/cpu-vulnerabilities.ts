import { join } from 'node:path';
import { defineInput, gauge } from './input.ts';
import { entriesOf, type Row, rowsInput, textOf } from './sysfs.ts';

const METRIC = gauge('How this machine stands to a known weakness of processors; always 1.');

export default defineInput({
  name: 'cpu_vulnerabilities',
  help: 'Weaknesses of the processor and what is done about them, from /sys/devices/system/cpu/vulnerabilities.',
  metrics: { node_cpu_vulnerabilities_info: METRIC },
  offByDefault: true,
  intervalMs: 60_000,
  slow: true,
  priority: 'extra',
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'devices/system/cpu/vulnerabilities');
    return rowsInput(frame, () =>
      entriesOf(folder).flatMap((codename): Row[] => {
        const standing = standingOf(textOf(folder, codename) ?? '');
        if (standing === undefined) return [];
        return [[{ name: 'node_cpu_vulnerabilities_info', labels: { codename, ...standing }, ...METRIC }, 1]];
      }),
    );
  },
});

function standingOf(text: string): { state: string; mitigation: string } | undefined {
  const [, word, mitigation = ''] = /^(?:KVM: )?(Not affected|Vulnerable|Mitigation)(?:[:;,] ?(.*))?/.exec(text) ?? [];
  return word === undefined ? undefined : { state: word.toLowerCase(), mitigation };
}
