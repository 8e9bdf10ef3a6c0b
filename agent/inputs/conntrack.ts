import { defineInput, gauge } from './input.ts';
import { ABSENT, tableInput } from './table-input.ts';

const METRICS = {
  node_nf_conntrack_entries: gauge('Connections the firewall tracks now.'),
  node_nf_conntrack_entries_limit: gauge('Most connections the firewall can track.'),
};
const STATS = {
  found: 'Lookups that found a connection.',
  invalid: 'Packets that belong to no connection and cannot start one.',
  ignore: 'Packets of connections that were tracked already.',
  insert: 'Connections put into the table.',
  insert_failed: 'Connections that could not be put into the table.',
  drop: 'Packets dropped because tracking failed.',
  early_drop: 'Connections dropped to make room for new ones.',
  search_restart: 'Lookups that had to start over because the table was resized.',
};

export default defineInput({
  name: 'conntrack',
  help: 'Connection tracking, from /proc/sys/net/netfilter and /proc/net/stat/nf_conntrack.',
  metrics: {
    ...METRICS,
    ...Object.fromEntries(Object.entries(STATS).map(([field, help]) => [`node_nf_conntrack_stat_${field}`, gauge(help)])),
  },
  create({ proc, frame }) {
    const stat = proc('net/stat/nf_conntrack', { headerLines: 1, hex: true });
    const single = [{ table: proc('sys/net/netfilter/nf_conntrack_count') }, { table: proc('sys/net/netfilter/nf_conntrack_max') }];
    // Cells of the statistics by column of ours: one row a CPU, to be added up.
    let sums: number[][] = [];
    const cells = tableInput(frame, [...single, { table: stat, optional: true }], (tables) => {
      const singles = Object.entries(METRICS).map(([name, info], table) => {
        const cell = tables[table]?.[0]?.[0];
        if (typeof cell !== 'number') throw new Error('/proc/sys/net/netfilter does not hold numbers');
        return { name, ...info, table, cell };
      });
      const [header = [], ...rows] = tables[2]!;
      const known = Object.keys(STATS).filter((field) => header.includes(field));
      sums = known.map((field) => rows.map((row) => row[header.indexOf(field)]).filter((cell) => typeof cell === 'number'));
      return [
        ...singles,
        ...known.map((field) => ({ name: `node_nf_conntrack_stat_${field}`, ...gauge(STATS[field as keyof typeof STATS]), cell: ABSENT })),
      ];
    });
    return {
      read(timeMs) {
        void cells.read(timeMs);
        for (let i = 0; i < sums.length; i++) {
          let sum = 0;
          for (const cell of sums[i]!) sum += stat.cells[cell]!;
          frame.values[single.length + i] = sum;
        }
      },
    };
  },
});
