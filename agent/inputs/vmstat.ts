import { defineInput, untyped } from './input.ts';
import { tableInput } from './table-input.ts';

export default defineInput({
  name: 'vmstat',
  help: 'Paging, faults and out-of-memory kills, chosen lines of /proc/vmstat.',
  metrics: { 'node_vmstat_*': untyped('A line of /proc/vmstat.') },
  options: { fields: { kind: 'pattern', default: '^(oom_kill|pgpg|pswp|pg.*fault).*', help: 'Lines to report.' } },
  create({ proc, frame, options }) {
    const fields = options.pattern('fields');
    return tableInput(frame, [{ table: proc('vmstat', { names: 1 }) }], ([lines]) => {
      if (lines!.length === 0) throw new Error('/proc/vmstat is empty');
      return lines!.flatMap(([key, cell]) => {
        if (typeof cell !== 'number' || !/^\w+$/.test(String(key)) || fields?.test(String(key)) !== true) return [];
        return [{ name: `node_vmstat_${key}`, type: 'untyped' as const, help: `The line ${key} of /proc/vmstat.`, cell }];
      });
    });
  },
});
