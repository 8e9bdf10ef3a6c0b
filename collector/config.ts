/** What `bellwether.yml` may say, and how the file, the environment and flags make one frozen configuration. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AppError, errorCode, errorMessage } from '@bellwether/shared';
import {
  describeSchema,
  duration,
  environmentName,
  environmentOverrides,
  listenAddress,
  loadYaml,
  type Override,
  type SchemaRow,
} from '@bellwether/shared/schema';
import * as z from 'zod';
import { alertingConfig } from './alerts/index.ts';
import { checksConfig } from './checks/index.ts';
import { devicesConfig } from './devices/index.ts';

export const CONFIG_FILE = 'bellwether.yml';
const ENVIRONMENT_PREFIX = 'BELLWETHER';
/** Variables of the agent, which `up` hands on. */
const AGENT_PREFIX = 'BELLWETHER_AGENT_';

export const collectorSchema = z.strictObject({
  listen: listenAddress('127.0.0.1:8720')
    .meta({ restart: true })
    .describe('Address and port of pages, API and agents. Loopback until told otherwise; `:8720` is every interface.'),
  data_dir: z
    .string()
    .min(1)
    .default('./data')
    .meta({ restart: true })
    .describe('Where everything is kept. Belongs to one collector at a time.'),
  external_url: z
    .url({ protocol: /^https?$/, error: 'must be an address such as https://watch.example.org' })
    .optional()
    .meta({ restart: true })
    .describe('Where people reach the collector, when that is not `listen`: for links in notifications and behind a proxy.'),
  tls: z
    .strictObject({
      cert: z.string().min(1).describe('PEM file of the certificate and its chain.'),
      key: z.string().min(1).describe('PEM file of the private key.'),
    })
    .optional()
    .meta({ restart: true })
    .describe('Serve https and wss.'),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error'])
        .optional()
        .describe('Least severe message that is written. Default: info; warn for `up`, which tells what matters itself.'),
    })
    .prefault({})
    .meta({ restart: true })
    .describe('JSON lines on standard error.'),
  retention: duration('15d', { min: '1d' }).meta({ restart: true }).describe('Samples older than this are deleted.'),
  agents: z
    .strictObject({
      interval: duration('10s', { min: '1s', max: '2m' }).describe('Time between readings, where an agent sets none itself.'),
    })
    .prefault({})
    .meta({ restart: true })
    .describe('What agents are told as they connect.'),
  query: z
    .strictObject({
      timeout: duration('2m', { min: '100ms', max: '1h' }).describe('A query that takes longer fails.'),
      max_samples: z.int().min(1_000).default(50_000_000).describe('Samples one query may hold in memory.'),
      max_series: z.int().min(1).default(1_000_000).describe('Series one query may touch.'),
      lookback: duration('5m', { min: '1s', max: '1d' }).describe('How old the newest sample of a series may be to count as present.'),
    })
    .prefault({})
    .meta({ restart: true })
    .describe('Limits of one query; one that exceeds them fails and hurts nobody else.'),
  rules: z
    .strictObject({
      files: z.array(z.string().min(1)).default([]).describe('Prometheus rule files; `*` in file names, relative to this file.'),
      pack: z.boolean().default(true).describe('Also load the shipped rules.'),
    })
    .prefault({})
    .describe('Recording and alerting rules.'),
  checks: checksConfig
    .default([])
    .describe('What agents try from outside: addresses, ports, hosts. Options of a probe have the names blackbox_exporter gave them.'),
  devices: devicesConfig.describe('Devices read by SNMP, each by the agent beside it; docs/guides/devices.md.'),
  alerting: alertingConfig.prefault({}).describe('Who is told of alerts, and how.'),
});

export type CollectorConfig = Readonly<z.output<typeof collectorSchema>>;

export interface ConfigSources {
  /** From `--config`; undefined: `./bellwether.yml` if there is one. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** From flags; they win over file and environment. */
  readonly overrides?: readonly Override[];
}

export interface LoadedConfig {
  readonly config: CollectorConfig;
  /** The file it came from, absolute; undefined when there is none. */
  readonly file: string | undefined;
}

/** Throws AppError CONFIG_INVALID with one line per problem. */
export async function loadConfig({ file, env, overrides = [] }: ConfigSources): Promise<LoadedConfig> {
  const text = await textOf(file ?? CONFIG_FILE, file !== undefined);
  const config = loadYaml(text ?? '', collectorSchema, {
    file: file ?? CONFIG_FILE,
    overrides: [...environmentOverrides(collectorSchema, ENVIRONMENT_PREFIX, env, [AGENT_PREFIX]), ...overrides],
  });
  const base = text === undefined ? '.' : dirname(file ?? CONFIG_FILE);
  const located = {
    ...config,
    data_dir: resolve(config.data_dir),
    rules: { ...config.rules, files: config.rules.files.map((path) => resolve(base, path)) },
    ...(config.tls === undefined ? {} : { tls: { cert: resolve(base, config.tls.cert), key: resolve(base, config.tls.key) } }),
  };
  return { config: deepFreeze(located), file: text === undefined ? undefined : resolve(file ?? CONFIG_FILE) };
}

/** Keys that differ between two configurations and that a reload does not change. */
export function restartKeys(before: CollectorConfig, after: CollectorConfig): string[] {
  const marked = describeSchema(collectorSchema).filter(({ restart, path }) => restart && !path.includes('.'));
  return marked
    .map(({ path }) => path as keyof CollectorConfig)
    .filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
}

/** docs/reference/config.md */
export function renderConfigReference(): string {
  const rows = describeSchema(collectorSchema);
  const lines = [
    '# Configuration of the collector',
    '',
    `Written by \`npm run gen\` from the schema. The file is \`${CONFIG_FILE}\` in the working directory, or what \`--config\` names. Every key outside a list`,
    `can be set in the environment too: \`agents.interval\` is \`${environmentName(ENVIRONMENT_PREFIX, ['agents', 'interval'])}\`. The environment beats the file, flags beat both.`,
    'Durations are written `30s`, `5m`, `1h30m`, `7d`; sizes `64MB`. A secret is written as itself, as `file:/path` or as `env:NAME`. An unknown key is an',
    'error. `npx bellwether check` tells what is wrong with a file; SIGHUP loads it again, and a bad one changes nothing.',
    '',
    '| key | value | default | after a change | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(referenceRow),
  ];
  return `${lines.join('\n')}\n`;
}

function referenceRow({ path, type, default: value, bounds, required, restart, help }: SchemaRow): string {
  const shown = value === undefined ? (required ? 'required' : '') : `\`${value}\``;
  const cells = [`\`${path}\``, bounds === undefined ? type : `${type}, ${bounds}`, shown, restart ? 'restart' : 'reload', help];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** undefined when a file that need not exist does not. */
async function textOf(file: string, isWanted: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (!isWanted && errorCode(error) === 'ENOENT') return undefined;
    throw new AppError('CONFIG_INVALID', `The configuration file ${file} cannot be read: ${errorMessage(error)}.`, { cause: error });
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
