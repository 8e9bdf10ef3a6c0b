import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Millis } from '@bellwether/shared';
import type { Column, Frame } from './frame.ts';
import { counter, defineInput, gauge, type Input, type MetricInfo } from './input.ts';
import { isAbsence } from './kept-file.ts';
import { SysBytes } from './sys-bytes.ts';
import { SysNumbers } from './sys-numbers.ts';

/** Metric by file of /sys/class/net/DEVICE. */
const ATTRIBUTES: Readonly<Record<string, readonly [string, MetricInfo]>> = {
  addr_assign_type: ['node_network_address_assign_type', gauge('How the device got its address: 0 built in, 1 random, 2 stolen, 3 set.')],
  carrier: ['node_network_carrier', gauge('1 if there is a carrier.')],
  carrier_changes: ['node_network_carrier_changes_total', counter('Times the carrier came or went.')],
  carrier_up_count: ['node_network_carrier_up_changes_total', counter('Times the carrier came.')],
  carrier_down_count: ['node_network_carrier_down_changes_total', counter('Times the carrier went.')],
  dev_id: ['node_network_device_id', gauge('Tells devices apart that share a port.')],
  dormant: ['node_network_dormant', gauge('1 if the device waits for something outside, like a sign-in.')],
  flags: ['node_network_flags', gauge('Flags of the device, as a number.')],
  ifindex: ['node_network_iface_id', gauge('Index of the device.')],
  iflink: ['node_network_iface_link', gauge('Index of the device this one is linked to.')],
  link_mode: ['node_network_iface_link_mode', gauge('0 default, 1 dormant.')],
  mtu: ['node_network_mtu_bytes', gauge('Largest packet the device sends.')],
  name_assign_type: [
    'node_network_name_assign_type',
    gauge('How the device got its name: 1 by the kernel, 2 predictable, 3 by a person, 4 renamed.'),
  ],
  netdev_group: ['node_network_net_dev_group', gauge('Group of devices this one belongs to.')],
  speed: ['node_network_speed_bytes', gauge('Speed of the link, bytes a second; negative if the driver does not know it.')],
  tx_queue_len: ['node_network_transmit_queue_length', gauge('Packets the send queue holds.')],
  type: ['node_network_protocol_type', gauge('Kind of link: 1 Ethernet, 772 loopback, ...')],
};
const FILES = Object.keys(ATTRIBUTES);
const FLAGS = FILES.indexOf('flags');
const SPEED = FILES.indexOf('speed');
const OWN = {
  node_network_up: gauge('1 if the operational state is "up".'),
  node_network_info: gauge('What the device is; always 1.'),
};
const IFF_UP = 1;
const MEGABITS_TO_BYTES = 1e6 / 8;
/** Between these only the two files are read that tell whether anything about the link changed. */
const EVERYTHING_MS: Millis = 10_000;

export default defineInput({
  name: 'netclass',
  help: 'State, speed and properties of each network device, from /sys/class/net.',
  metrics: { ...OWN, ...Object.fromEntries(Object.values(ATTRIBUTES)) },
  options: {
    'ignored-devices': { kind: 'pattern', default: '^$', help: 'Devices to leave out.' },
    'ignore-invalid-speed': {
      kind: 'boolean',
      default: false,
      help: 'Leave out speeds the driver does not know instead of reporting them as negative.',
    },
  },
  create: ({ paths, frame, options }) =>
    new NetClass(frame, join(paths.sysfs, 'class/net'), options.pattern('ignored-devices'), options.flag('ignore-invalid-speed')),
});

class NetClass implements Input {
  readonly #frame: Frame;
  readonly #folder: string;
  readonly #ignored: RegExp | undefined;
  readonly #ignoreInvalidSpeed: boolean;
  readonly #signs = new SysBytes();
  readonly #numbers = new SysNumbers();
  #devices: string[] = [];
  /** All values of the last full reading, in column order. */
  #last = new Float64Array(0);
  #fullAtMs: Millis | undefined;

  constructor(frame: Frame, folder: string, ignored: RegExp | undefined, ignoreInvalidSpeed: boolean) {
    this.#frame = frame;
    this.#folder = folder;
    this.#ignored = ignored;
    this.#ignoreInvalidSpeed = ignoreInvalidSpeed;
  }

  read(timeMs: Millis): void {
    const changed = this.#signs.changed(timeMs);
    if (changed || this.#fullAtMs === undefined || timeMs - this.#fullAtMs >= EVERYTHING_MS) this.#readAll(timeMs, changed);
    this.#frame.values.set(this.#last);
  }

  close(): void {
    this.#signs.close();
    this.#numbers.close();
  }

  #readAll(timeMs: Millis, changed: boolean): void {
    this.#fullAtMs = undefined;
    const entries = readdirSync(this.#folder, { withFileTypes: true });
    const devices = entries
      .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && this.#ignored?.test(entry.name) !== true)
      .map((entry) => entry.name)
      .sort();
    // A value that was missing (no carrier, no speed) may be there after a change, so missing files are opened again too.
    if (changed || devices.join('/') !== this.#devices.join('/')) {
      this.#devices = devices;
      this.#numbers.open(devices.flatMap((device) => FILES.map((file) => join(this.#folder, device, file))));
      this.#signs.open(devices.flatMap((device) => ['operstate', 'carrier_changes'].map((file) => join(this.#folder, device, file))));
      this.#signs.changed(timeMs);
    }
    const numbers = new Float64Array(devices.length * FILES.length);
    this.#numbers.read(timeMs, numbers, 0);
    const operstates = devices.map((device) => this.#text(device, 'operstate'));
    this.#frame.setColumns(devices.flatMap((device, i) => this.#columns(device, operstates[i]!, numbers[i * FILES.length + FLAGS]!)));
    this.#last = Float64Array.from(
      devices.flatMap((_, i) => {
        const own = numbers.subarray(i * FILES.length, (i + 1) * FILES.length);
        own[SPEED] = this.#ignoreInvalidSpeed && own[SPEED]! < 0 ? Number.NaN : own[SPEED]! * MEGABITS_TO_BYTES;
        return [operstates[i] === 'up' ? 1 : 0, 1, ...own];
      }),
    );
    this.#fullAtMs = timeMs;
  }

  #columns(device: string, operstate: string, flags: number): Column[] {
    const info = {
      device,
      address: this.#text(device, 'address'),
      broadcast: this.#text(device, 'broadcast'),
      duplex: this.#text(device, 'duplex'),
      operstate,
      adminstate: Number.isNaN(flags) ? 'unknown' : (flags & IFF_UP) !== 0 ? 'up' : 'down',
      ifalias: this.#text(device, 'ifalias'),
    };
    return [
      { name: 'node_network_up', labels: { device }, ...OWN.node_network_up },
      { name: 'node_network_info', labels: info, ...OWN.node_network_info },
      ...Object.values(ATTRIBUTES).map(([name, metric]) => ({ name, labels: { device }, ...metric })),
    ];
  }

  #text(device: string, file: string): string {
    try {
      return readFileSync(join(this.#folder, device, file), 'utf8').trim();
    } catch (error) {
      if (isAbsence(error)) return '';
      throw error;
    }
  }
}
