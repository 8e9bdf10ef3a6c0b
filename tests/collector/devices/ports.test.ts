import { labelsFrom } from '@bellwether/shared';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { deviceReadings, type QueryInstant } from '../../../collector/devices/ports.ts';
import { type OpenLab, openLab } from '../rules/lab.ts';

const MINUTE = 60_000;
let lab: OpenLab;
let query: QueryInstant;
beforeEach(() => {
  lab = openLab();
  query = async (text, timeMs) => {
    const result = await lab.engine.instant(text, timeMs);
    return result.kind === 'vector' ? result.samples : [];
  };
});
afterEach(() => lab.close());

const load = (name: string, labels: Record<string, string>, start: number, perMinute = 0): void =>
  lab.load(
    labelsFrom({ __name__: name, job: 'snmp', instance: 'sw1', ...labels }),
    0,
    MINUTE,
    Array.from({ length: 11 }, (_, i) => start + i * perMinute),
  );

test('ports with their speed, state and traffic; facts of the device', async () => {
  const first = { ifIndex: '2', ifName: 'Gi0/1', ifDescr: 'GigabitEthernet0/1', ifAlias: 'uplink' };
  const second = { ifIndex: '10', ifDescr: 'old port' };
  load('ifIndex', first, 102);
  load('ifAdminStatus', first, 1);
  load('ifOperStatus', first, 2);
  load('ifHighSpeed', first, 10_000);
  load('ifSpeed', first, 4_294_967_295);
  load('ifHCInOctets', first, 0, 60_000);
  load('ifHCOutOctets', first, 0, 120_000);
  load('ifInErrors', first, 0, 30);
  load('ifOutErrors', first, 0, 30);
  load('ifIndex', second, 10);
  load('ifSpeed', second, 64_000);
  load('ifHighSpeed', second, 0);
  load('ifInOctets', second, 0, 6_000);
  load('ifIndex', { ifIndex: '1', ifName: 'other' }, 1);
  load('sysName', { sysName: 'core "1"' }, 1);
  load('sysUpTime', {}, 0, 6_000);
  const { facts, ports } = await deviceReadings(query, 'sw1', 10 * MINUTE);
  expect(facts).toEqual({ name: 'core "1"', description: '', location: '', contact: '', objectId: '', uptimeSeconds: 600 });
  expect(ports).toEqual([
    {
      ifIndex: 1,
      name: 'other',
      description: '',
      alias: '',
      speedBits: null,
      adminUp: null,
      operUp: null,
      inBps: null,
      outBps: null,
      errorsPerS: null,
    },
    {
      ifIndex: 10,
      name: 'old port',
      description: 'old port',
      alias: '',
      speedBits: 64_000,
      adminUp: null,
      operUp: null,
      inBps: 800,
      outBps: null,
      errorsPerS: null,
    },
    {
      ifIndex: 102,
      name: 'Gi0/1',
      description: 'GigabitEthernet0/1',
      alias: 'uplink',
      speedBits: 10_000_000_000,
      adminUp: true,
      operUp: false,
      inBps: 8_000,
      outBps: 16_000,
      errorsPerS: 1,
    },
  ]);
});

test('a device named with quotes asks for nothing else', async () => {
  load('ifIndex', { ifIndex: '1' }, 1);
  const { ports } = await deviceReadings(query, 'x"} or ifIndex{instance="sw1', 10 * MINUTE);
  expect(ports).toEqual([]);
});
