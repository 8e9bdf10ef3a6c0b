import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const INFO = gauge('What the adapter is; always 1.');
const STATE = gauge('State of the port: 1 down, 2 initialising, 3 armed, 4 active.');
const PHYSICAL_STATE = gauge('State of the link: 1 sleep, 2 polling, 3 disabled, 4 training, 5 up, 6 error recovery.');
const RATE = gauge('Speed of the port, bytes a second.');
/** Data is counted in words of four bytes. */
const WORD_BYTES = 4;

/** Counter by file of PORT/counters and PORT/counters_ext. */
const COUNTERS: Readonly<Record<string, readonly [string, string, number?]>> = {
  'counters/VL15_dropped': ['vl15_dropped', 'Management packets dropped for want of buffers.'],
  'counters/excessive_buffer_overrun_errors': ['excessive_buffer_overrun_errors', 'Times buffers overran again and again.'],
  'counters/link_downed': ['link_downed', 'Times the link failed to recover and went down.'],
  'counters/link_error_recovery': ['link_error_recovery', 'Times the link recovered from an error.'],
  'counters/local_link_integrity_errors': ['local_link_integrity_errors', 'Times there were more local errors than the port bears.'],
  'counters/multicast_rcv_packets': ['multicast_packets_received', 'Multicast packets received, also faulty ones.'],
  'counters/multicast_xmit_packets': ['multicast_packets_transmitted', 'Multicast packets sent, also faulty ones.'],
  'counters/port_rcv_constraint_errors': ['port_constraint_errors_received', 'Packets received that the switch port discards.'],
  'counters/port_xmit_constraint_errors': ['port_constraint_errors_transmitted', 'Packets that the switch port did not send.'],
  'counters/port_rcv_data': ['port_data_received_bytes', 'Bytes received on all lanes.', WORD_BYTES],
  'counters/port_xmit_data': ['port_data_transmitted_bytes', 'Bytes sent on all lanes.', WORD_BYTES],
  'counters/port_rcv_discards': ['port_discards_received', 'Packets received and discarded because the port is down or congested.'],
  'counters/port_xmit_discards': ['port_discards_transmitted', 'Packets not sent because the port is down or congested.'],
  'counters/port_rcv_errors': ['port_errors_received', 'Faulty packets received.'],
  'counters/port_rcv_packets': ['port_packets_received', 'Packets received on all lanes, also faulty ones.'],
  'counters/port_xmit_packets': ['port_packets_transmitted', 'Packets sent on all lanes, also faulty ones.'],
  'counters/port_rcv_remote_physical_errors': [
    'port_receive_remote_physical_errors',
    'Packets received that were marked bad on their way.',
  ],
  'counters/port_rcv_switch_relay_errors': ['port_receive_switch_relay_errors', 'Packets received that the switch could not pass on.'],
  'counters/port_xmit_wait': ['port_transmit_wait', 'Ticks in which there was data to send and no credit for it.'],
  'counters/symbol_error': ['symbol_error', 'Small errors of the link on any lane.'],
  'counters/unicast_rcv_packets': ['unicast_packets_received', 'Unicast packets received, also faulty ones.'],
  'counters/unicast_xmit_packets': ['unicast_packets_transmitted', 'Unicast packets sent, also faulty ones.'],
  'counters_ext/port_multicast_rcv_packets': ['legacy_multicast_packets_received', 'Multicast packets received.'],
  'counters_ext/port_multicast_xmit_packets': ['legacy_multicast_packets_transmitted', 'Multicast packets sent.'],
  'counters_ext/port_rcv_data_64': ['legacy_data_received_bytes', 'Bytes received.', WORD_BYTES],
  'counters_ext/port_xmit_data_64': ['legacy_data_transmitted_bytes', 'Bytes sent.', WORD_BYTES],
  'counters_ext/port_rcv_packets_64': ['legacy_packets_received', 'Packets received.'],
  'counters_ext/port_xmit_packets_64': ['legacy_packets_transmitted', 'Packets sent.'],
  'counters_ext/port_unicast_rcv_packets': ['legacy_unicast_packets_received', 'Unicast packets received.'],
  'counters_ext/port_unicast_xmit_packets': ['legacy_unicast_packets_transmitted', 'Unicast packets sent.'],
};

export default defineInput({
  name: 'infiniband',
  help: 'Ports of InfiniBand and RDMA adapters, from /sys/class/infiniband.',
  metrics: {
    node_infiniband_info: INFO,
    node_infiniband_state_id: STATE,
    node_infiniband_physical_state_id: PHYSICAL_STATE,
    node_infiniband_rate_bytes_per_second: RATE,
    ...Object.fromEntries(Object.values(COUNTERS).map(([name, help]) => [`node_infiniband_${name}_total`, counter(help)])),
  },
  intervalMs: 10_000,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/infiniband');
    // State and speed are text: they are as fresh as the list of ports.
    return sensorInput(frame, () => entriesOf(folder).flatMap((device) => deviceSensors(join(folder, device), device)), 10_000);
  },
});

function deviceSensors(path: string, device: string): Sensor[] {
  const text = (file: string) => textOf(path, file) ?? '';
  const info = { device, board_id: text('board_id'), firmware_version: text('fw_ver'), hca_type: text('hca_type') };
  const ports = entriesIfAny(join(path, 'ports'), /^\d+$/);
  return [
    { column: { name: 'node_infiniband_info', labels: info, ...INFO }, value: 1 },
    ...ports.flatMap((port) => portSensors(join(path, 'ports', port), { device, port })),
  ];
}

function portSensors(path: string, labels: Readonly<Record<string, string>>): Sensor[] {
  const present = new Set(
    ['counters', 'counters_ext'].flatMap((folder) => entriesIfAny(join(path, folder)).map((file) => `${folder}/${file}`)),
  );
  const leading = (file: string, pattern: RegExp) => Number(pattern.exec(textOf(path, file) ?? '')?.[1] ?? Number.NaN);
  const texts = [
    { column: { name: 'node_infiniband_state_id', labels, ...STATE }, value: leading('state', /^(\d+):/) },
    { column: { name: 'node_infiniband_physical_state_id', labels, ...PHYSICAL_STATE }, value: leading('phys_state', /^(\d+):/) },
    {
      column: { name: 'node_infiniband_rate_bytes_per_second', labels, ...RATE },
      value: (leading('rate', /^([\d.]+) Gb\/sec/) * 1e9) / 8,
    },
  ];
  const counters = Object.entries(COUNTERS).filter(([file]) => present.has(file));
  return [
    ...texts,
    ...counters.map(([file, [name, help, times]]) => ({
      column: { name: `node_infiniband_${name}_total`, labels, ...counter(help) },
      path: join(path, file),
      times,
    })),
  ];
}
