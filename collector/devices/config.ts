/** The `devices` section of bellwether.yml, and the same definition as the API takes it. */
import { formatDuration, LABEL_NAME } from '@bellwether/shared';
import type { DeviceAssignment } from '@bellwether/shared/assignments';
import { duration, type Secret, secret } from '@bellwether/shared/schema';
import * as z from 'zod';

/** Every reading must come again within the 5 minutes that a query looks back. */
const INTERVAL = { min: '10s', max: '2m' };
/** Labels that readings bring themselves. */
const RESERVED = new Set(['job', 'instance', 'ifIndex', 'ifName', 'ifDescr', 'ifAlias']);

const AUTH = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
const PRIV = ['aes', 'aes256b', 'aes256r'] as const;

/** `key` makes the schema of a secret: one that may name a file or a variable in the configuration, plain text in the API. */
function definition<Key extends z.ZodType>(key: () => Key) {
  return z
    .strictObject({
      name: z.string().trim().min(1).max(200).describe('What people call it; the label `instance` of its series.'),
      address: z.string().trim().min(1).max(255).describe('Host name or IP address of its SNMP agent.'),
      port: z.int().min(1).max(65_535).default(161).describe('UDP port.'),
      agent: z
        .string()
        .min(1)
        .optional()
        .describe('Host name of the agent that reads it. Needed when there are several and none on the machine of the collector.'),
      interval: duration('60s', INTERVAL).describe('Time between readings.'),
      timeout: duration('5s', { min: '100ms', max: '30s' }).describe('Longest wait for one answer.'),
      retries: z.int().min(0).max(10).default(2).describe('Further tries of a request that got no answer.'),
      snmp: z
        .strictObject({
          community: key().optional().describe('SNMPv2c: the community.'),
          user: z.string().min(1).max(32).optional().describe('SNMPv3: the user.'),
          auth: z
            .strictObject({ protocol: z.enum(AUTH), key: key() })
            .optional()
            .describe('SNMPv3: how messages are signed.'),
          priv: z
            .strictObject({ protocol: z.enum(PRIV).default('aes'), key: key() })
            .optional()
            .describe(
              'SNMPv3: how messages are encrypted. AES with 256 bits exists in two kinds: aes256b (Blumenthal) and aes256r (Reeder).',
            ),
          context: z.string().max(255).optional().describe('SNMPv3: name of the context.'),
        })
        .describe('A community (SNMPv2c) or a user (SNMPv3).'),
      labels: z.record(z.string(), z.string()).default({}).describe('Further labels on its series.'),
    })
    .superRefine(({ snmp, labels }, context) => {
      const issue = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
      if ((snmp.community === undefined) === (snmp.user === undefined))
        issue(['snmp'], 'give either a community (SNMPv2c) or a user (SNMPv3)');
      if (snmp.user === undefined) {
        for (const name of ['auth', 'priv', 'context'] as const)
          if (snmp[name] !== undefined) issue(['snmp', name], 'belongs to a user (SNMPv3)');
      }
      if (snmp.priv !== undefined && snmp.auth === undefined) issue(['snmp', 'priv'], 'encryption needs auth as well');
      for (const name of Object.keys(labels)) {
        if (!LABEL_NAME.test(name) || name.startsWith('__')) issue(['labels', name], 'is no name for a label: letters, digits and _');
        else if (RESERVED.has(name)) issue(['labels', name], 'is a label that the readings bring themselves');
      }
    });
}

/** Shorter keys are not allowed by the protocol (RFC 3414). */
const KEY_LENGTH = 8;

const plainKey = (): z.ZodString => z.string().min(1).max(255);
export const deviceBody = definition(plainKey).superRefine(({ snmp }, context) => {
  for (const name of ['auth', 'priv'] as const) {
    const key = snmp[name]?.key;
    if (key !== undefined && key !== HIDDEN && key.length < KEY_LENGTH)
      context.addIssue({ code: 'custom', path: ['snmp', name, 'key'], message: `must have at least ${KEY_LENGTH} characters` });
  }
});
const fileDevice = definition(secret);

export const devicesConfig = z
  .array(fileDevice)
  .superRefine((devices, context) => {
    const names = devices.map(({ name }) => name);
    for (const [i, name] of names.entries()) {
      if (names.indexOf(name) < i) context.addIssue({ code: 'custom', path: [i, 'name'], message: `two devices are named ${name}` });
    }
  })
  .default([]);

export type DeviceBody = z.output<typeof deviceBody>;
export type FileDevice = z.output<typeof fileDevice>;
export type DevicesConfig = z.output<typeof devicesConfig>;
/** From either place; a key is text, or a Secret that is looked up when it is needed. */
export type DeviceDefinition = DeviceBody | FileDevice;

/** What a key is shown as, and what leaves it as it is when it comes back. */
export const HIDDEN = '***';

/** For the agent, keys revealed. AppError CONFIG_INVALID when one cannot be read. */
export function assignmentOf(id: string, definition: DeviceDefinition): DeviceAssignment {
  const { name, address, port, interval, timeout, retries, labels } = definition;
  return { id, name, address, port, intervalMs: interval, timeoutMs: timeout, retries, credentials: credentialsOf(definition), labels };
}

function credentialsOf({ snmp: { community, user, auth, priv, context } }: DeviceDefinition): DeviceAssignment['credentials'] {
  if (user === undefined) return { version: '2c', community: reveal(community!) };
  return {
    version: '3',
    user,
    level: auth === undefined ? 'noAuthNoPriv' : priv === undefined ? 'authNoPriv' : 'authPriv',
    ...(auth === undefined ? {} : { auth: { protocol: auth.protocol, key: reveal(auth.key) } }),
    ...(priv === undefined ? {} : { priv: { protocol: priv.protocol, key: reveal(priv.key) } }),
    ...(context === undefined ? {} : { context }),
  };
}

function reveal(key: string | Secret): string {
  return typeof key === 'string' ? key : key.reveal();
}

/** The definition as bellwether.yml has it, each key as `show` would have it seen. */
export function writtenOf(definition: DeviceDefinition, show: (key: string | Secret) => string): Record<string, unknown> {
  const { interval, timeout, snmp, ...rest } = definition;
  const { community, auth, priv } = snmp;
  return {
    ...rest,
    interval: formatDuration(interval),
    timeout: formatDuration(timeout),
    snmp: {
      ...snmp,
      ...(community === undefined ? {} : { community: show(community) }),
      ...(auth === undefined ? {} : { auth: { ...auth, key: show(auth.key) } }),
      ...(priv === undefined ? {} : { priv: { ...priv, key: show(priv.key) } }),
    },
  };
}

/** `body` with the keys it does not tell (`***`) taken from the former definition. */
export function withFormerKeys(body: DeviceBody, former: DeviceBody): DeviceBody {
  const pick = (key: string, before: string | undefined): string => (key === HIDDEN && before !== undefined ? before : key);
  const { community, auth, priv } = body.snmp;
  return {
    ...body,
    snmp: {
      ...body.snmp,
      ...(community === undefined ? {} : { community: pick(community, former.snmp.community) }),
      ...(auth === undefined ? {} : { auth: { ...auth, key: pick(auth.key, former.snmp.auth?.key) } }),
      ...(priv === undefined ? {} : { priv: { ...priv, key: pick(priv.key, former.snmp.priv?.key) } }),
    },
  };
}

/** Whether a key that is only shown as hidden came in where none is known. */
export function hasHiddenKey({ snmp: { community, auth, priv } }: DeviceBody): boolean {
  return [community, auth?.key, priv?.key].includes(HIDDEN);
}
