/**
 * The numbered steps that bring any older database to the present form. A step that was released never changes; what follows gets a new
 * number. Numbers 1-9 state, auth and inventory; 10-19 alerts; 20-29 checks; 30-39 uptime; 40-49 devices.
 */
import type { Kysely } from 'kysely';
import { createAuth } from './0001-auth.ts';
import { createInventory } from './0002-inventory.ts';
import { createAlerts } from './0010-alerts.ts';
import { createChecks } from './0020-checks.ts';
import { createUptime } from './0030-uptime.ts';
import { createDevices } from './0040-devices.ts';

export interface Migration {
  readonly id: number;
  readonly name: string;
  /** Runs in a transaction of its own: all of it or nothing. */
  readonly up: (db: Kysely<unknown>) => Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: 'auth', up: createAuth },
  { id: 2, name: 'inventory', up: createInventory },
  { id: 10, name: 'alerts', up: createAlerts },
  { id: 20, name: 'checks', up: createChecks },
  { id: 30, name: 'uptime', up: createUptime },
  { id: 40, name: 'devices', up: createDevices },
];
