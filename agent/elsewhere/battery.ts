import { cellsFor } from '../inputs/cells.ts';
import { gauge } from '../inputs/input.ts';
import { facadeInput, numberFrom } from './facade-input.ts';

const METRICS = {
  node_power_supply_capacity: gauge('Charge of the battery in percent.'),
  node_power_supply_online: gauge('1 if the machine is fed from outside.'),
  node_power_supply_cyclecount: gauge('How often the battery was charged.'),
};
const cell = cellsFor(METRICS);
const BATTERY = { power_supply: 'battery' };

export default facadeInput({
  name: 'powersupplyclass',
  help: 'The battery, where there is one.',
  metrics: METRICS,
  question: 'battery',
  intervalMs: 60_000,
  cells: ({ hasBattery, percent, acConnected, cycleCount }) =>
    hasBattery
      ? [
          cell('node_power_supply_capacity', BATTERY, numberFrom(percent)),
          cell('node_power_supply_online', { power_supply: 'AC' }, acConnected ? 1 : 0),
          cell('node_power_supply_cyclecount', BATTERY, numberFrom(cycleCount, 1)),
        ]
      : [],
});
