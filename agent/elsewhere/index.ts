/** Inputs for macOS, Windows and the BSDs: what Linux tells by procfs comes from Node and, loaded at the first reading, systeminformation. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FacadeOptions } from '../facts/facade.ts';
import agentSelf from '../inputs/agent-self.ts';
import { INPUTS } from '../inputs/index.ts';
import type { HostPaths, InputDefinition } from '../inputs/input.ts';
import textfile from '../inputs/textfile.ts';
import battery from './battery.ts';
import cpu from './cpu.ts';
import disk from './disk.ts';
import filesystem from './filesystem.ts';
import loadavg from './loadavg.ts';
import memory from './memory.ts';
import network from './network.ts';
import processes from './processes.ts';
import temperature from './temperature.ts';

export function elsewhereInputs(load?: FacadeOptions['load']): readonly InputDefinition[] {
  const asking = [battery, disk, filesystem, memory, network, processes, temperature].map((make) => make(load));
  return [agentSelf, cpu, loadavg, textfile, ...asking];
}

/** The inputs for this system: those that read procfs where there is one. A folder that was named must be right, so its absence is no reason. */
export function inputsHere({ procfs }: Pick<HostPaths, 'procfs'>): readonly InputDefinition[] {
  return procfs !== '/proc' || existsSync(join(procfs, 'stat')) ? INPUTS : elsewhereInputs();
}
