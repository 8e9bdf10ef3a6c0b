import { cellsFor } from '../inputs/cells.ts';
import { gauge } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = { node_thermal_zone_temp: gauge('Temperature in degrees Celsius.') };
const cell = cellsFor(METRICS);

export default facadeInput({
  name: 'thermal_zone',
  help: 'Temperatures of the processor and its cores.',
  metrics: METRICS,
  question: 'cpuTemperature',
  intervalMs: 60_000,
  cells: ({ main, cores }) => [
    // Nothing that runs is at zero degrees or below: it is how the library says that it cannot tell.
    cell('node_thermal_zone_temp', { type: 'cpu', zone: '0' }, numberFrom(main, 1)),
    ...cores.map((degrees, i) => cell('node_thermal_zone_temp', { type: 'core', zone: String(i) }, numberFrom(degrees, 1))),
  ],
});
