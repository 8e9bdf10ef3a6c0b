import { join } from 'node:path';
import { counter, defineInput } from './input.ts';
import { entriesIfAny, entriesOf, type Sensor, sensorInput, textOf } from './sysfs.ts';

const METRICS = {
  node_edac_correctable_errors_total: counter('Memory errors of this controller that were corrected.'),
  node_edac_uncorrectable_errors_total: counter('Memory errors of this controller that could not be corrected.'),
  node_edac_csrow_correctable_errors_total: counter('Corrected errors of this row of chips; `unknown`: those of no known row.'),
  node_edac_csrow_uncorrectable_errors_total: counter(
    'Errors of this row of chips that could not be corrected; `unknown`: those of no known row.',
  ),
  node_edac_channel_correctable_errors_total: counter('Corrected errors of this channel of the row.'),
  node_edac_channel_uncorrectable_errors_total: counter('Errors of this channel of the row that could not be corrected.'),
};

export default defineInput({
  name: 'edac',
  help: 'Errors of the memory, from /sys/devices/system/edac/mc.',
  metrics: METRICS,
  intervalMs: 10_000,
  slow: true,
  create({ paths, frame }) {
    const folder = join(paths.sysfs, 'devices/system/edac/mc');
    return sensorInput(frame, () =>
      entriesOf(folder, /^mc\d+$/).flatMap((entry) => {
        const path = join(folder, entry);
        const controller = entry.slice('mc'.length);
        return [
          count('node_edac_correctable_errors_total', { controller }, path, 'ce_count'),
          count('node_edac_uncorrectable_errors_total', { controller }, path, 'ue_count'),
          count('node_edac_csrow_correctable_errors_total', { controller, csrow: 'unknown' }, path, 'ce_noinfo_count'),
          count('node_edac_csrow_uncorrectable_errors_total', { controller, csrow: 'unknown' }, path, 'ue_noinfo_count'),
          ...entriesIfAny(path, /^csrow\d+$/).flatMap((row) => rowSensors(join(path, row), controller, row.slice('csrow'.length))),
        ];
      }),
    );
  },
});

function rowSensors(path: string, controller: string, csrow: string): Sensor[] {
  const channels = entriesIfAny(path, /^ch\d+_[cu]e_count$/);
  return [
    count('node_edac_csrow_correctable_errors_total', { controller, csrow }, path, 'ce_count'),
    count('node_edac_csrow_uncorrectable_errors_total', { controller, csrow }, path, 'ue_count'),
    ...channels.map((file) => {
      const channel = /\d+/.exec(file)![0];
      const dimm_label = (textOf(path, `ch${channel}_dimm_label`) ?? '').replaceAll('#', '').replaceAll(/csrow|channel/g, '_$&');
      const name = file.endsWith('_ce_count')
        ? 'node_edac_channel_correctable_errors_total'
        : 'node_edac_channel_uncorrectable_errors_total';
      return count(name, { controller, csrow, channel, dimm_label }, path, file);
    }),
  ];
}

function count(name: keyof typeof METRICS, labels: Readonly<Record<string, string>>, path: string, file: string): Sensor {
  return { column: { name, labels, ...METRICS[name] }, path: join(path, file) };
}
