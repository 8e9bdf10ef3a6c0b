/** The facts of this host: what it is made of and what is installed. Maps by name throughout, so that two sets can be compared. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseOsRelease } from '../inputs/os.ts';
import type { Answers, Facade, Question } from './facade.ts';
import { type Fact, type FactMap, knownFields, knownNumber, knownText } from './known.ts';
import type { Packages } from './packages.ts';

export const FACTS_VERSION = 1;
const MAX_ENTRIES = 512;

/** `version` counts changes of the layout; every other key is a section and may be missing. Sizes in bytes. */
export type HostFacts = FactMap;

export interface FactSources {
  readonly ask: Facade;
  readonly packages: () => Promise<Packages | undefined>;
  readonly rootfs: string;
}

/** One question at a time: it is nobody's hurry, and a host's other work goes first. */
export async function collectFacts({ ask, packages, rootfs }: FactSources): Promise<HostFacts> {
  const answers: Partial<Answers> = {};
  for (const question of QUESTIONS) Object.assign(answers, { [question]: await ask(question) });
  const sections: Record<string, FactMap | undefined> = {
    hardware: hardwareFacts(answers),
    os: rootfs === '/' ? osFacts(answers) : osFactsBelow(rootfs, answers),
    disks: diskFacts(answers),
    interfaces: interfaceFacts(answers),
    users: localAccounts(rootfs),
    packages: packageFacts(await packages()),
  };
  const known = Object.entries(sections).filter((section): section is [string, FactMap] => section[1] !== undefined);
  return { version: FACTS_VERSION, ...Object.fromEntries(known) };
}

const QUESTIONS: readonly Question[] = [
  'system',
  'bios',
  'baseboard',
  'chassis',
  'cpu',
  'mem',
  'memLayout',
  'osInfo',
  'diskLayout',
  'blockDevices',
  'graphics',
  'networkInterfaces',
];

function hardwareFacts({ system, bios, baseboard, chassis, cpu, mem, memLayout, graphics }: Partial<Answers>): FactMap | undefined {
  return knownFields({
    manufacturer: system?.manufacturer,
    model: system?.model,
    version: system?.version,
    serial: system?.serial,
    uuid: system?.uuid,
    virtual: system?.virtual,
    hypervisor: system?.virtualHost,
    bios: { vendor: bios?.vendor, version: bios?.version, released: bios?.releaseDate },
    board: { manufacturer: baseboard?.manufacturer, model: baseboard?.model, serial: baseboard?.serial },
    chassis: { manufacturer: chassis?.manufacturer, type: chassis?.type, serial: chassis?.serial, asset_tag: chassis?.assetTag },
    cpu: {
      manufacturer: cpu?.manufacturer,
      brand: cpu?.brand,
      cores: cpu?.cores,
      physical_cores: cpu?.physicalCores,
      sockets: cpu?.processors,
      max_ghz: cpu?.speedMax,
    },
    memory: {
      bytes: roundedMemory(mem?.total),
      modules: memLayout
        // Where the modules cannot be read the library makes up one of all the memory.
        ?.filter(({ bank, type, partNum }) => [bank, type, partNum].some((text) => knownText(text) !== undefined))
        .slice(0, MAX_ENTRIES)
        .map(({ size, bank, type, clockSpeed, manufacturer, partNum }) => ({
          bytes: size,
          bank,
          type,
          mhz: clockSpeed,
          manufacturer,
          part: partNum,
        })),
    },
    graphics: graphics?.controllers.map(({ vendor, model, vram }) => ({
      vendor,
      model,
      bytes: vram === null ? undefined : (knownNumber(vram) ?? 0) * 1024 ** 2,
    })),
  });
}

/** What the kernel keeps for itself differs by a little from boot to boot; that is no change of the hardware. */
function roundedMemory(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : Math.round(bytes / (64 * 1024 ** 2)) * 64 * 1024 ** 2;
}

function osFacts({ osInfo }: Partial<Answers>): FactMap | undefined {
  return knownFields({
    platform: osInfo?.platform,
    distribution: osInfo?.distro,
    release: osInfo?.release,
    codename: osInfo?.codename,
    kernel: osInfo?.kernel,
    arch: osInfo?.arch,
    hostname: osInfo?.hostname,
    fqdn: osInfo?.fqdn,
    build: osInfo?.build,
    service_pack: osInfo?.servicepack,
    uefi: osInfo?.uefi,
  });
}

/** From inside a container the library sees the container's system; the kernel alone is the host's. */
function osFactsBelow(rootfs: string, { osInfo }: Partial<Answers>): FactMap | undefined {
  const release = osRelease(rootfs);
  return knownFields({
    platform: osInfo?.platform,
    distribution: release?.get('NAME'),
    release: release?.get('VERSION_ID'),
    codename: release?.get('VERSION_CODENAME'),
    kernel: osInfo?.kernel,
    arch: osInfo?.arch,
  });
}

function osRelease(rootfs: string): ReadonlyMap<string, string> | undefined {
  try {
    return parseOsRelease(readFileSync(join(rootfs, 'etc/os-release'), 'utf8'));
  } catch {
    // Not a system with such a file.
    return undefined;
  }
}

function diskFacts({ diskLayout, blockDevices }: Partial<Answers>): FactMap | undefined {
  const disks: [string, Fact][] = [];
  for (const { device, type, name, vendor, size, firmwareRevision, serialNum, interfaceType } of diskLayout ?? []) {
    const facts = { type, model: name, vendor, bytes: size, firmware: firmwareRevision, serial: serialNum, bus: interfaceType };
    addEntry(disks, device.replace(/^\/dev\//, ''), facts);
  }
  for (const { name, type, size, model, serial, removable, protocol } of blockDevices ?? []) {
    if (type !== 'disk' || disks.some(([known]) => known === name) || knownNumber(size) === undefined) continue;
    addEntry(disks, name, { model, bytes: size, serial, removable: removable || undefined, bus: protocol });
  }
  return disks.length === 0 ? undefined : Object.fromEntries(disks);
}

function interfaceFacts({ networkInterfaces }: Partial<Answers>): FactMap | undefined {
  const interfaces: [string, Fact][] = [];
  const list = Array.isArray(networkInterfaces) ? networkInterfaces : [];
  for (const { iface, mac, ip4, ip4subnet, ip6, type, mtu, speed, dhcp, virtual, internal } of list) {
    // Containers bring and take these all day. A false is what the library says when it cannot tell.
    if (internal || /^(veth|docker|br-|cali|cni|flannel|vnet|tap)/.test(iface)) continue;
    addEntry(interfaces, iface, {
      mac,
      ip4,
      ip4_mask: ip4subnet,
      ip6,
      type,
      mtu,
      speed_mbits: speed,
      dhcp: dhcp || undefined,
      virtual: virtual || undefined,
    });
  }
  return interfaces.length === 0 ? undefined : Object.fromEntries(interfaces);
}

function addEntry(into: [string, Fact][], name: string, fields: Readonly<Record<string, unknown>>): void {
  const facts = knownFields(fields);
  if (facts !== undefined && into.length < MAX_ENTRIES && knownText(name) !== undefined) into.push([name, facts]);
}

/** Accounts that can sign in. */
function localAccounts(rootfs: string): FactMap | undefined {
  try {
    return parseAccounts(readFileSync(join(rootfs, 'etc/passwd'), 'utf8'));
  } catch {
    // Not a system with such a file.
    return undefined;
  }
}

export function parseAccounts(passwd: string): FactMap | undefined {
  const accounts = passwd.split('\n').flatMap((line): [string, Fact][] => {
    const [name, , uid, , , home, shell] = line.split(':');
    if (name === undefined || shell === undefined || name === '' || /(nologin|false|sync|halt|shutdown)$/.test(shell)) return [];
    return [[name, { uid: Number(uid), home: home!, shell }]];
  });
  return accounts.length === 0 ? undefined : Object.fromEntries(accounts.slice(0, MAX_ENTRIES));
}

function packageFacts(packages: Packages | undefined): FactMap | undefined {
  if (packages === undefined) return undefined;
  const { manager, versions } = packages;
  const names = [...versions.keys()].sort();
  return { manager, count: versions.size, versions: Object.fromEntries(names.map((name) => [name, versions.get(name)!])) };
}
