import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { entriesIfAny, entriesOf, type Row, rowsInput, textOf } from './sysfs.ts';

const INFO = gauge('What the port is and how it is doing; always 1.');
const LABELS =
  'dev_loss_tmo fabric_name port_id port_name port_state port_type speed supported_classes supported_speeds symbolic_name'.split(' ');
const COUNTERS: Readonly<Record<string, readonly [string, string]>> = {
  dumped_frames: ['dumped_frames', 'Frames dumped.'],
  error_frames: ['error_frames', 'Faulty frames.'],
  fcp_packet_aborts: ['fcp_packet_aborts', 'SCSI commands that were aborted.'],
  invalid_crc_count: ['invalid_crc', 'Frames with a wrong checksum.'],
  invalid_tx_word_count: ['invalid_tx_words', 'Words that are none of the code.'],
  link_failure_count: ['link_failure', 'Times the link failed.'],
  loss_of_signal_count: ['loss_of_signal', 'Times the signal went away.'],
  loss_of_sync_count: ['loss_of_sync', 'Times the port fell out of step.'],
  nos_count: ['nos', 'Times the port was told that the other is not operational.'],
  rx_frames: ['rx_frames', 'Frames received.'],
  rx_words: ['rx_words', 'Words received.'],
  seconds_since_last_reset: ['seconds_since_last_reset', 'Time since these counters were reset, seconds.'],
  tx_frames: ['tx_frames', 'Frames sent.'],
  tx_words: ['tx_words', 'Words sent.'],
};
/** What a driver says that does not count this. */
const NOT_COUNTED = '0xffffffffffffffff';

export default defineInput({
  name: 'fibrechannel',
  help: 'Fibre Channel ports, from /sys/class/fc_host.',
  metrics: {
    node_fibrechannel_info: INFO,
    ...Object.fromEntries(Object.values(COUNTERS).map(([name, help]) => [`node_fibrechannel_${name}_total`, counter(help)])),
  },
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'class/fc_host');
    return rowsInput(frame, () => entriesOf(folder, /^host\d+$/).flatMap((host) => hostRows(join(folder, host), host)));
  },
});

function hostRows(path: string, fc_host: string): Row[] {
  const labels = Object.fromEntries(LABELS.map((label) => [label, (textOf(path, label) ?? '').replace(/^0x/, '')]));
  const counters = entriesIfAny(join(path, 'statistics')).filter((file) => Object.hasOwn(COUNTERS, file));
  return [
    [{ name: 'node_fibrechannel_info', labels: { fc_host, ...labels }, ...INFO }, 1],
    ...counters.flatMap((file): Row[] => {
      const [name, help] = COUNTERS[file]!;
      const text = textOf(path, 'statistics', file) ?? '';
      if (text === NOT_COUNTED || !/^0x[0-9a-f]{1,16}$/i.test(text)) return [];
      return [[{ name: `node_fibrechannel_${name}_total`, labels: { fc_host }, ...counter(help) }, Number(text)]];
    }),
  ];
}
