import { defineInput, untyped } from './input.ts';
import type { TableLine } from './number-table.ts';
import { type CellColumn, tableInput } from './table-input.ts';

const DEFAULT_FIELDS =
  '^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$';

export default defineInput({
  name: 'netstat',
  help: 'Counters of IP, ICMP, TCP and UDP, from /proc/net/netstat, snmp and snmp6.',
  metrics: { 'node_netstat_*': untyped('A counter (or, like Tcp_CurrEstab, a gauge) of a protocol, named PROTOCOL_FIELD.') },
  options: { fields: { kind: 'pattern', default: DEFAULT_FIELDS, help: 'Fields to report, as PROTOCOL_FIELD.' } },
  create({ proc, frame, options }) {
    const fields = options.pattern('fields');
    const sources = [
      { table: proc('net/netstat') },
      { table: proc('net/snmp') },
      { table: proc('net/snmp6', { names: 1 }), optional: true },
    ];
    return tableInput(frame, sources, ([netstat, snmp, snmp6]) => {
      const all = [...pairedLines(netstat!, 0), ...pairedLines(snmp!, 1), ...singleLines(snmp6!, 2)];
      if (all.length === 0) throw new Error('/proc/net/netstat and snmp hold no counters');
      return all
        .filter(({ field }) => fields?.test(field) === true && /^\w+$/.test(field))
        .map(
          ({ field, table, cell }): CellColumn => ({
            name: `node_netstat_${field}`,
            type: 'untyped',
            help: `The protocol counter ${field}.`,
            table,
            cell,
          }),
        );
    });
  },
});

interface Field {
  readonly field: string;
  readonly table: number;
  readonly cell: number;
}

/** Two lines a protocol: `Tcp: name name ...` and `Tcp: number number ...`. A number may be -1 (Tcp MaxConn), which the table takes for text: skip it. */
function pairedLines(lines: readonly TableLine[], table: number): Field[] {
  const fields: Field[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const names = lines[i]!;
    const cells = lines[i + 1]!;
    if (names[0] !== cells[0] || names.length !== cells.length)
      throw new Error(`the lines of ${names[0]} in /proc/net do not belong together`);
    for (let k = 1; k < names.length; k++) {
      const cell = cells[k];
      if (typeof cell === 'number') fields.push({ field: `${names[0]}_${names[k]}`, table, cell });
    }
  }
  return fields;
}

/** One line a counter: `Ip6InReceives 7`; the protocol's name ends at the 6. */
function singleLines(lines: readonly TableLine[], table: number): Field[] {
  return lines.flatMap(([key, cell]) => {
    const match = /^(\w*?6)(\w+)$/.exec(String(key));
    return match !== null && typeof cell === 'number' ? [{ field: `${match[1]}_${match[2]}`, table, cell }] : [];
  });
}
