import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@bellwether/shared';
import { type Cell, cellsFor, showCells } from './cells.ts';
import type { DbusValue } from './dbus.ts';
import { DbusClient, type DbusTarget } from './dbus-client.ts';
import { counter, defineInput, gauge, type InputContext } from './input.ts';
import { slowReading } from './slow-reading.ts';

const METRICS = {
  node_systemd_unit_state: gauge('1 for the state the unit is in, 0 for the others.'),
  node_systemd_units: gauge('Units in each state.'),
  node_systemd_system_running: gauge('1 if the system is up with no unit failed, 0 if it starts, stops, is degraded or in rescue mode.'),
  node_systemd_version: gauge('Version of systemd; its full text is the label.'),
  node_systemd_service_restart_total: counter('How often systemd restarted the service by itself.'),
  node_systemd_timer_last_trigger_seconds: gauge('When the timer last went off, seconds since the epoch.'),
  node_systemd_socket_accepted_connections_total: counter('Connections the socket unit accepted.'),
  node_systemd_socket_current_connections: gauge('Connections of the socket unit that are open.'),
  node_systemd_socket_refused_connections_total: counter('Connections the socket unit refused.'),
};
const cell = cellsFor(METRICS);
const STATES = ['active', 'activating', 'deactivating', 'inactive', 'failed'] as const;
const MANAGER = { path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' } as const;
const BUS_SOCKETS = ['run/dbus/system_bus_socket', 'var/run/dbus/system_bus_socket'];
/** Root alone may use it; it needs no bus. */
const PRIVATE_SOCKET = 'run/systemd/private';
const TIMEOUT_MS = 10_000;
const MAX_UNITS = 1_000;

export default defineInput({
  name: 'systemd',
  help: `State of systemd's units, over D-Bus. The five states are reported for units that match \`unit-include\` and for all that failed, at most ${MAX_UNITS}; counts by state cover all of them. A host without systemd has none of it.`,
  metrics: METRICS,
  options: {
    'unit-include': { kind: 'pattern', default: '', help: 'Units to report one by one, whole name; node_exporter’s default is `.+`.' },
    'unit-exclude': {
      kind: 'pattern',
      default: '.+\\.(automount|device|mount|scope|slice)',
      help: 'Units to leave out of those, whole name; a failed one is reported all the same.',
    },
  },
  intervalMs: 60_000,
  slow: true,
  create({ paths, options, frame, clock }) {
    const selection = { include: whole(options.pattern('unit-include')), exclude: whole(options.pattern('unit-exclude')) };
    const serviceTypes = new Map<string, string>();
    return slowReading({
      show: (cells: readonly Cell[]) => showCells(frame, cells),
      async run() {
        if (!existsSync(join(paths.rootfs, 'run/systemd/system'))) throw absent('systemd does not run this system');
        const client = await connectManager(paths.rootfs, clock);
        try {
          return await readManager(client, selection, serviceTypes);
        } finally {
          client.close();
        }
      },
    });
  },
});

/** Patterns of whole names. */
export interface UnitSelection {
  readonly include: RegExp | undefined;
  readonly exclude: RegExp | undefined;
}

function absent(message: string): Error {
  return Object.assign(new Error(message), { code: 'ENOENT' });
}

async function connectManager(rootfs: string, clock: InputContext['clock']): Promise<DbusClient> {
  const targets: DbusTarget[] = [
    ...BUS_SOCKETS.map((socket) => ({ socket, service: 'org.freedesktop.systemd1' })),
    { socket: PRIVATE_SOCKET, service: undefined },
  ];
  let failure: unknown = absent('no D-Bus socket to ask systemd over');
  for (const { socket, service } of targets) {
    const path = join(rootfs, socket);
    if (!existsSync(path)) continue;
    try {
      return await DbusClient.open({ socket: path, service }, clock, TIMEOUT_MS);
    } catch (error) {
      // The private socket's refusal says less than the bus's.
      if (errorCode(failure) === 'ENOENT') failure = error;
    }
  }
  throw failure;
}

interface Unit {
  readonly name: string;
  /** Units that are only named by others are not. */
  readonly isLoaded: boolean;
  readonly activeState: string;
  readonly path: string;
}

/** `serviceTypes` remembers what never changes while a unit is loaded. */
async function readManager(client: DbusClient, selection: UnitSelection, serviceTypes: Map<string, string>): Promise<Cell[]> {
  const property = (name: string) => client.property(MANAGER.path, MANAGER.interface, name);
  const [[list], version, state] = await Promise.all([
    client.call({ ...MANAGER, member: 'ListUnits' }),
    property('Version'),
    property('SystemState'),
  ]);
  const units = unitsOf(list);
  const counts = new Map<string, number>(STATES.map((name) => [name, 0]));
  for (const { activeState } of units) counts.set(activeState, (counts.get(activeState) ?? 0) + 1);
  const selected = selectUnits(
    units.filter(({ isLoaded }) => isLoaded),
    selection,
  );
  const about = await Promise.all(selected.map((unit) => unitCells(client, unit, serviceTypes)));
  const names = new Set(selected.map(({ name }) => name));
  for (const name of serviceTypes.keys()) if (!names.has(name)) serviceTypes.delete(name);
  const number = Number.parseFloat(/\d+(\.\d+)?/.exec(String(version))?.[0] ?? '');
  return [
    ...[...counts].map(([name, count]) => cell('node_systemd_units', { state: name }, count)),
    cell('node_systemd_system_running', {}, state === 'running' ? 1 : 0),
    cell('node_systemd_version', { version: String(version) }, number),
    ...about.flat(),
  ];
}

/** ListUnits: name, description, load state, active state, sub state, followed unit, path, job. */
function unitsOf(list: DbusValue | undefined): Unit[] {
  if (!Array.isArray(list)) throw new Error('systemd lists its units in a way we do not know');
  return (list as readonly (readonly string[])[])
    .map((unit) => ({ name: unit[0]!, isLoaded: unit[2] === 'loaded', activeState: unit[3]!, path: unit[6]! }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function selectUnits<U extends { readonly name: string; readonly activeState: string }>(
  units: readonly U[],
  { include, exclude }: UnitSelection,
): U[] {
  const wanted = (name: string) => include?.test(name) === true && exclude?.test(name) !== true;
  // Those that failed come first, so that the bound never hides them.
  const failed = units.filter(({ activeState }) => activeState === 'failed');
  return [...failed, ...units.filter(({ name, activeState }) => activeState !== 'failed' && wanted(name))].slice(0, MAX_UNITS);
}

function whole(pattern: RegExp | undefined): RegExp | undefined {
  return pattern === undefined ? undefined : new RegExp(`^(?:${pattern.source})$`, 'u');
}

async function unitCells(client: DbusClient, unit: Unit, serviceTypes: Map<string, string>): Promise<Cell[]> {
  const { name, path, activeState } = unit;
  const kind = name.slice(name.lastIndexOf('.') + 1);
  const interfaceOf = `org.freedesktop.systemd1.${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  // A unit may go while it is asked, and an older systemd may not know a property.
  const ask = (property: string) => client.property(path, interfaceOf, property).catch(() => undefined);
  const number = async (metric: keyof typeof METRICS, property: string, scale = 1): Promise<Cell[]> => {
    const value = await ask(property);
    return typeof value === 'number' || typeof value === 'bigint' ? [cell(metric, { name }, Number(value) / scale)] : [];
  };
  let type = serviceTypes.get(name);
  if (type === undefined && (kind === 'service' || kind === 'mount')) {
    type = String((await ask('Type')) ?? '');
    serviceTypes.set(name, type);
  }
  const states = STATES.map((state) => cell('node_systemd_unit_state', { name, state, type: type ?? '' }, state === activeState ? 1 : 0));
  if (kind === 'service') return [...states, ...(await number('node_systemd_service_restart_total', 'NRestarts'))];
  if (kind === 'timer') return [...states, ...(await number('node_systemd_timer_last_trigger_seconds', 'LastTriggerUSec', 1e6))];
  if (kind !== 'socket') return states;
  const sockets = await Promise.all([
    number('node_systemd_socket_accepted_connections_total', 'NAccepted'),
    number('node_systemd_socket_current_connections', 'NConnections'),
    number('node_systemd_socket_refused_connections_total', 'NRefused'),
  ]);
  return [...states, ...sockets.flat()];
}
