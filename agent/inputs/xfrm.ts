import { counter, defineInput } from './input.ts';
import { type CellColumn, someColumns, tableInput } from './table-input.ts';

const METRIC = counter('Packets that IPsec dropped, by reason.');

export default defineInput({
  name: 'xfrm',
  help: 'Errors of IPsec, from /proc/net/xfrm_stat.',
  metrics: { 'node_xfrm_*_packets_total': METRIC },
  offByDefault: true,
  create: ({ proc, frame }) =>
    tableInput(frame, [{ table: proc('net/xfrm_stat') }], ([lines]) => {
      const columns = lines!.flatMap(([key, cell]): CellColumn[] => {
        if (typeof cell !== 'number' || !/^Xfrm[A-Z][A-Za-z]*$/.test(String(key))) return [];
        const reason = String(key)
          .slice('Xfrm'.length)
          .replace(/(?<=[a-z])[A-Z]/g, '_$&')
          .toLowerCase();
        return [{ name: `node_xfrm_${reason}_packets_total`, ...METRIC, cell }];
      });
      return someColumns('/proc/net/xfrm_stat', columns);
    }),
});
