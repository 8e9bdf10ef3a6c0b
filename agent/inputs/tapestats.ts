import { join } from 'node:path';
import { counter, defineInput, gauge } from './input.ts';
import { entriesOf, type Sensor, sensorInput } from './sysfs.ts';

const NANOSECONDS = 1e9;
const METRICS = {
  node_tape_io_now: gauge('Requests in flight.'),
  node_tape_io_time_seconds_total: counter('Time spent on requests of any kind.'),
  node_tape_io_others_total: counter('Requests that are neither reads nor writes.'),
  node_tape_read_bytes_total: counter('Bytes read.'),
  node_tape_reads_completed_total: counter('Reads finished.'),
  node_tape_read_time_seconds_total: counter('Time spent on reads.'),
  node_tape_residual_total: counter('Requests that read or wrote less than was asked for.'),
  node_tape_written_bytes_total: counter('Bytes written.'),
  node_tape_writes_completed_total: counter('Writes finished.'),
  node_tape_write_time_seconds_total: counter('Time spent on writes.'),
};
const FILES: readonly (readonly [string, keyof typeof METRICS, number])[] = [
  ['in_flight', 'node_tape_io_now', 1],
  ['io_ns', 'node_tape_io_time_seconds_total', NANOSECONDS],
  ['other_cnt', 'node_tape_io_others_total', 1],
  ['read_byte_cnt', 'node_tape_read_bytes_total', 1],
  ['read_cnt', 'node_tape_reads_completed_total', 1],
  ['read_ns', 'node_tape_read_time_seconds_total', NANOSECONDS],
  ['resid_cnt', 'node_tape_residual_total', 1],
  ['write_byte_cnt', 'node_tape_written_bytes_total', 1],
  ['write_cnt', 'node_tape_writes_completed_total', 1],
  ['write_ns', 'node_tape_write_time_seconds_total', NANOSECONDS],
];

export default defineInput({
  name: 'tapestats',
  help: 'Reads and writes of tape drives, from /sys/class/scsi_tape.',
  metrics: METRICS,
  options: { 'ignored-devices': { kind: 'pattern', default: '^$', help: 'Drives to leave out.' } },
  intervalMs: 10_000,
  create({ paths, frame, options }) {
    const folder = join(paths.sysfs, 'class/scsi_tape');
    const ignored = options.pattern('ignored-devices');
    return sensorInput(frame, () =>
      entriesOf(folder, /^st\d+$/)
        .filter((device) => ignored?.test(device) !== true)
        .flatMap((device) =>
          FILES.map(
            ([file, name, per]): Sensor => ({
              column: { name, labels: { device }, ...METRICS[name] },
              path: join(folder, device, 'stats', file),
              per,
            }),
          ),
        ),
    );
  },
});
