/**
 * The only file that touches `systeminformation`, which answers what it cannot find out with zeros, blanks and nulls, may hang, and costs 20 MB. It
 * is loaded when the first question is asked, and from node_modules, not from the bundle, so that an agent that never asks holds none of it.
 */
import { createRequire } from 'node:module';
import type { Clock, Millis } from '@bellwether/shared';
import type { Systeminformation } from 'systeminformation';

/** The questions we ask and what comes back. Types say more than the truth: any field may be missing, null, '' or 0. */
export interface Answers {
  system: Systeminformation.SystemData;
  bios: Systeminformation.BiosData;
  baseboard: Systeminformation.BaseboardData;
  chassis: Systeminformation.ChassisData;
  osInfo: Systeminformation.OsData;
  cpu: Systeminformation.CpuData;
  mem: Systeminformation.MemData;
  memLayout: Systeminformation.MemLayoutData[];
  diskLayout: Systeminformation.DiskLayoutData[];
  blockDevices: Systeminformation.BlockDevicesData[];
  graphics: Systeminformation.GraphicsData;
  networkInterfaces: Systeminformation.NetworkInterfacesData[];
  users: Systeminformation.UserData[];
  fsSize: Systeminformation.FsSizeData[];
  disksIO: Systeminformation.DisksIoData;
  networkStats: Systeminformation.NetworkStatsData[];
  processes: Systeminformation.ProcessesData;
  cpuTemperature: Systeminformation.CpuTemperatureData;
  battery: Systeminformation.BatteryData;
}

export type Question = keyof Answers;

/** Answers one question within its time; undefined when it failed, hung or had nothing to say. */
export type Facade = <Q extends Question>(question: Q) => Promise<Answers[Q] | undefined>;

export interface FacadeOptions {
  readonly clock: Clock;
  readonly timeoutMs: Millis;
  /** Default: the library. */
  readonly load?: () => Readonly<Record<string, unknown>>;
}

export function createFacade({ clock, timeoutMs, load = loadLibrary }: FacadeOptions): Facade {
  let library: Readonly<Record<string, unknown>> | undefined;
  return (question) =>
    new Promise((resolve) => {
      const cancel = clock.after(timeoutMs, () => resolve(undefined));
      const done = (answer: Answers[typeof question] | undefined) => {
        cancel();
        resolve(answer ?? undefined);
      };
      try {
        library ??= load();
        const ask = library[question] as (argument?: string) => Promise<Answers[typeof question]>;
        // Without an argument networkStats answers for the default interface alone.
        Promise.resolve(question === 'networkStats' ? ask('*') : ask()).then(done, () => done(undefined));
      } catch {
        // It throws where a platform is not supported; a question without answer is all there is to tell.
        done(undefined);
      }
    });
}

function loadLibrary(): Readonly<Record<string, unknown>> {
  const load = createRequire(import.meta.url);
  return load('systeminformation') as Readonly<Record<string, unknown>>;
}
