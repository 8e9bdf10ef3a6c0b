import { existsSync } from 'node:fs';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { AppError, errorCode, errorMessage, type Millis } from '@bellwether/shared';
import { formatBytes } from '@bellwether/shared/schema';
import type { Command } from 'commander';
import type { CollectorConfig } from '../config.ts';
import { openState } from '../state/index.ts';
import { VERSION } from '../version.ts';
import { type ConfigFlags, configured, loadGiven, type Terminal } from './context.ts';
import { localUrl } from './http-client.ts';

export interface Finding {
  readonly verdict: 'good' | 'warning' | 'bad';
  /** What was looked at. */
  readonly subject: string;
  /** What was found and, when it is not good, how to mend it. */
  readonly text: string;
}

const LOW_DISK_BYTES = 1024 ** 3;
const LOW_DISK_RATIO = 0.05;
/** Before this the clock was never set: no Bellwether existed. */
const OLDEST_NOW_MS = Date.UTC(2025, 0, 1);

export function doctorCommand(program: Command, terminal: Terminal): void {
  configured(program.command('doctor').description('look for what would keep a collector from running here')).action(
    async (flags: ConfigFlags) => {
      const { config } = await loadGiven(flags, terminal);
      const findings = await examine(config, terminal.clock.now());
      for (const { verdict, subject, text } of findings) terminal.write(`${verdict.padEnd(7)}  ${subject.padEnd(14)}  ${text}\n`);
      const bad = findings.filter(({ verdict }) => verdict === 'bad').length;
      if (bad > 0) throw new AppError('STORE_UNAVAILABLE', `${bad} of ${findings.length} findings must be mended first.`);
    },
  );
}

export async function examine(config: CollectorConfig, now: Millis): Promise<Finding[]> {
  const { finding: directory, isRunning } = await dataDirectory(config.data_dir);
  return [versions(), clock(now), directory, await diskSpace(config.data_dir), await port(config, isRunning)];
}

function versions(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  const text = `Bellwether ${VERSION}, Node ${process.versions.node}, ${process.platform} ${process.arch}`;
  return { verdict: isEnough ? 'good' : 'bad', subject: 'versions', text: isEnough ? text : `${text}; Node 20.19 or newer is needed` };
}

function clock(now: Millis): Finding {
  const text = new Date(now).toISOString();
  if (now >= OLDEST_NOW_MS) return { verdict: 'good', subject: 'clock', text };
  return { verdict: 'bad', subject: 'clock', text: `${text} is in the past; set the clock, best by NTP` };
}

async function dataDirectory(dir: string): Promise<{ finding: Finding; isRunning: boolean }> {
  const subject = 'data directory';
  try {
    const nearest = await nearestExisting(dir);
    if (!(await stat(nearest)).isDirectory()) throw new Error(`${nearest} is no directory`);
    await access(nearest, constants.W_OK);
    // Opened only when there is one: examining must not make a database.
    if (existsSync(join(dir, 'state.db'))) await (await openState({ dir })).stop();
    return { finding: { verdict: 'good', subject, text: `${dir} can be written` }, isRunning: false };
  } catch (error) {
    if (errorCode(error) === 'DATA_DIR_LOCKED') {
      return { finding: { verdict: 'good', subject, text: `${dir} is in use by a running collector` }, isRunning: true };
    }
    const text =
      error instanceof AppError ? error.message : `${dir} cannot be written (${errorMessage(error)}); choose another with --data-dir`;
    return { finding: { verdict: 'bad', subject, text }, isRunning: false };
  }
}

async function diskSpace(dir: string): Promise<Finding> {
  const { bavail, blocks, bsize } = await statfs(await nearestExisting(dir));
  const free = bavail * bsize;
  const text = `${formatBytes(Math.floor(free / 1024 ** 2) * 1024 ** 2)} free`;
  const isLow = free < LOW_DISK_BYTES || bavail / blocks < LOW_DISK_RATIO;
  return { verdict: isLow ? 'warning' : 'good', subject: 'disk', text: isLow ? `${text}; make room before it is full` : text };
}

async function port(config: CollectorConfig, isRunning: boolean): Promise<Finding> {
  const subject = 'port';
  const { host, port: number, text } = config.listen;
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(errorCode(error) ?? errorMessage(error)));
    server.listen({ host, port: number }, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return { verdict: 'good', subject, text: `${text} is free` };
  const answers = code === 'EADDRINUSE' && (await isCollector(localUrl(config)));
  if (answers && isRunning) return { verdict: 'good', subject, text: `${text} is answered by the running collector` };
  const who = answers ? 'another collector' : 'another program';
  return {
    verdict: 'bad',
    subject,
    text: code === 'EADDRINUSE' ? `${text} is taken by ${who}; choose another with --listen` : `${text} cannot be opened (${code})`,
  };
}

async function isCollector(url: string): Promise<boolean> {
  try {
    return (await (await fetch(`${url}/-/healthy`, { signal: AbortSignal.timeout(2_000) })).text()).startsWith('Bellwether');
  } catch {
    return false; // whoever listens there speaks something else
  }
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch (error) {
    const isMissing = errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR';
    if (!isMissing || dirname(path) === path) throw error;
    return nearestExisting(dirname(path));
  }
}
