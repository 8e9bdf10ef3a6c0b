/** What `bellwether-agent.yml` may say. Loaded by the command line only, never by the running agent. */
import { readFile } from 'node:fs/promises';
import { AppError, errorCode, errorMessage, LABEL_NAME } from '@bellwether/shared';
import { bytes, duration, environmentOverrides, formatBytes, loadYaml, type Override, ratio } from '@bellwether/shared/schema';
import * as z from 'zod';
import type { InputSettings } from './inputs/collect.ts';
import { INPUTS } from './inputs/index.ts';
import type { InputDefinition, OptionInfo } from './inputs/input.ts';
import { PLUGIN_LABELS } from './plugins/plugin.ts';
import type { AgentConfig } from './settings.ts';

export const CONFIG_FILE = 'bellwether-agent.yml';
const SYSTEM_CONFIG_FILE = `/etc/bellwether/${CONFIG_FILE}`;
const MAX_PLUGINS = 200;
/** Less than the runtime takes before it reads anything, or than a connection needs to stay alive: such a limit would only ever be exceeded. */
const SMALLEST_LIMITS = { memory: 64 * 1024 ** 2, uplink: 1024 };
const ENVIRONMENT_PREFIX = 'BELLWETHER_AGENT';

/** Labels that the collector or an input sets; a tag of that name would be ambiguous. */
const RESERVED_TAGS = new Set(
  'job instance le quantile agent collector cpu mode core package device adapter mountpoint fstype interface address operstate duplex name type node'.split(
    ' ',
  ),
);

export interface ConfigSources {
  /** From `--config`; undefined: the usual places, none of which has to exist. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From flags; they win over file and environment. */
  readonly overrides?: readonly Override[];
  readonly isRoot: boolean;
}

/** Reads and checks everything. Throws CONFIG_INVALID with one line per problem: file, line, key, what is wrong. */
export async function loadAgentConfig({ file, env, overrides = [], isRoot }: ConfigSources): Promise<AgentConfig> {
  const found = file === undefined ? await firstFile([CONFIG_FILE, SYSTEM_CONFIG_FILE]) : { path: file, text: await textOf(file) };
  const checked = loadYaml(found?.text ?? '', agentSchema(isRoot), {
    file: found?.path ?? CONFIG_FILE,
    overrides: [...environmentOverrides(agentSchema(isRoot), ENVIRONMENT_PREFIX, env), ...overrides],
  });
  return deepFreeze(toConfig(checked));
}

/** The schema of the file; `describeSchema` makes the reference page of it. */
export function agentSchema(isRoot: boolean) {
  return z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'must be an address such as http://collector:8720' })
      .optional()
      .describe('Address of the collector. Default: the one this host was enrolled at.'),
    data_dir: z
      .string()
      .min(1)
      .default(isRoot ? '/var/lib/bellwether-agent' : './data/agent')
      .describe('Identity and unsent readings.'),
    interval: duration(undefined, { min: '1s', max: '2m' })
      .optional()
      .describe('Time between readings of inputs without their own. Default: what the collector asks for.'),
    tags: z
      .record(z.string().regex(LABEL_NAME, { error: 'must be a label name: letters, digits and _' }), z.string().min(1))
      .superRefine((tags, context) => {
        for (const name of Object.keys(tags)) {
          if (RESERVED_TAGS.has(name) || name.startsWith('__'))
            context.addIssue({ code: 'custom', path: [name], message: 'is a label that inputs or the collector set; choose another name' });
        }
      })
      .prefault({})
      .describe('Labels added to every series of this host.'),
    inputs: z.strictObject(Object.fromEntries(INPUTS.map((input) => [input.name, inputSchema(input)]))).prefault({}),
    paths: z
      .strictObject({
        procfs: z.string().min(1).default('/proc').describe('Where the host’s /proc is mounted.'),
        sysfs: z.string().min(1).default('/sys').describe('Where the host’s /sys is mounted.'),
        rootfs: z.string().min(1).default('/').describe('Where the host’s root is mounted.'),
      })
      .prefault({}),
    spool: z
      .strictObject({
        max_bytes: bytes('64MB', { min: '1MB', max: '16GB' }).describe('Disk for unsent readings; beyond it the oldest go.'),
        memory_bytes: bytes('4MB', { min: '256KB', max: '256MB' }).describe('Memory for unsent readings while the disk cannot be written.'),
        after: duration('5s', { min: '1s', max: '5m' }).describe('Readings that wait this long for the collector are written to disk.'),
      })
      .prefault({}),
    limits: z
      .strictObject({
        cpu: ratio(0.1).describe('Share of one core, averaged over a minute; beyond it less is read. 0: no limit.'),
        memory: bytes('128MB').describe('Resident memory; beyond it less is read. 0: no limit.'),
        uplink: bytes('0').describe('Bytes a second to the collector, averaged over 10 s; the backlog waits first. 0: no limit.'),
      })
      .superRefine((limits, context) => {
        for (const name of ['memory', 'uplink'] as const) {
          if (limits[name] === 0 || limits[name] >= SMALLEST_LIMITS[name]) continue;
          const message = `must be 0 (no limit) or at least ${formatBytes(SMALLEST_LIMITS[name])}`;
          context.addIssue({ code: 'custom', path: [name], message });
        }
      })
      .prefault({}),
    plugins: z
      .array(pluginSchema())
      .max(MAX_PLUGINS)
      .superRefine((plugins, context) => {
        for (const [i, { name }] of plugins.entries()) {
          if (plugins.findIndex((plugin) => plugin.name === name) < i)
            context.addIssue({ code: 'custom', path: [i, 'name'], message: `${JSON.stringify(name)} is the name of another plug-in` });
        }
      })
      .prefault([])
      .describe('Nagios plug-ins to run. Only this file names them: the collector cannot.'),
    facts: z
      .strictObject({ enabled: z.boolean().default(true).describe('Whether hardware, system, packages and users are reported.') })
      .prefault({}),
    log: z
      .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe message that is written.') })
      .prefault({}),
  });
}

function pluginSchema() {
  return z.strictObject({
    name: z.string().min(1).max(100).describe('The label `plugin` of its series.'),
    command: z
      .tuple([z.string().min(1)], z.string(), { error: 'must be a list: the program, then its arguments' })
      .describe('Program and arguments, as a list; no shell reads them.'),
    interval: duration('1m', { min: '5s', max: '1d' }).describe('Time between runs.'),
    timeout: duration('10s', { min: '100ms', max: '5m' }).describe('Longest run; then it and all it started are killed.'),
    labels: z
      .record(z.string().regex(LABEL_NAME, { error: 'must be a label name: letters, digits and _' }), z.string().min(1))
      .superRefine((labels, context) => {
        for (const name of Object.keys(labels)) {
          if (['job', 'instance', ...PLUGIN_LABELS].includes(name) || name.startsWith('__'))
            context.addIssue({ code: 'custom', path: [name], message: 'is a label that the agent sets; choose another name' });
        }
      })
      .prefault({})
      .describe('Further labels of its series.'),
  });
}

function inputSchema(input: InputDefinition) {
  const options = Object.entries(input.options ?? {}).map(([name, info]) => [name, optionSchema(info)] as const);
  return z
    .strictObject({
      enabled: z
        .boolean()
        .default(input.offByDefault !== true)
        .describe('Whether it is read at all.'),
      interval: duration(undefined, { min: '1s', max: '2m' }).optional().describe('Time between readings.'),
      ...Object.fromEntries(options),
    })
    .prefault({})
    .describe(input.help);
}

function optionSchema(info: OptionInfo): z.ZodType {
  if (info.kind === 'boolean') return z.boolean().optional().describe(info.help);
  if (info.kind === 'words') return z.array(z.string().min(1)).optional().describe(info.help);
  if (info.kind === 'duration') return duration(undefined, { min: '1ms' }).optional().describe(info.help);
  if (info.kind === 'text') return z.string().optional().describe(info.help);
  const pattern = z.string().refine(isPattern, { error: 'must be a regular expression' });
  if (info.kind === 'patterns') return z.record(z.string().min(1), pattern.min(1)).optional().describe(info.help);
  return pattern.optional().describe(info.help);
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

function toConfig(checked: z.output<ReturnType<typeof agentSchema>>): AgentConfig {
  const inputs = Object.entries(checked.inputs).map(([name, { enabled, interval, ...options }]): [string, InputSettings] => [
    name,
    {
      enabled,
      ...(interval === undefined ? {} : { intervalMs: interval }),
      options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    },
  ]);
  return {
    ...(checked.url === undefined ? {} : { url: checked.url.replace(/\/+$/, '') }),
    dataDir: checked.data_dir,
    ...(checked.interval === undefined ? {} : { intervalMs: checked.interval }),
    tags: checked.tags,
    inputs: Object.fromEntries(inputs),
    paths: checked.paths,
    spool: { maxBytes: checked.spool.max_bytes, memoryBytes: checked.spool.memory_bytes, afterMs: checked.spool.after },
    limits: { cpu: checked.limits.cpu, memoryBytes: checked.limits.memory, uplinkBytesPerS: checked.limits.uplink },
    log: { level: checked.log.level },
    plugins: checked.plugins.map(({ name, command, interval, timeout, labels }) => ({
      name,
      command,
      intervalMs: interval,
      timeoutMs: timeout,
      labels,
    })),
    facts: checked.facts,
  };
}

async function firstFile(paths: readonly string[]): Promise<{ path: string; text: string } | undefined> {
  for (const path of paths) {
    try {
      return { path, text: await readFile(path, 'utf8') };
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw unreadable(path, error);
    }
  }
  return undefined;
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

function unreadable(path: string, cause: unknown): AppError {
  return new AppError('CONFIG_INVALID', `${path}: configuration cannot be read (${errorMessage(cause)}).`, { cause });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
