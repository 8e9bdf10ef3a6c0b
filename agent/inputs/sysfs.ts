/** Looking around in sysfs: folders, small texts, and the numbers that many devices keep in one file each. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, type Millis } from '@bellwether/shared';
import { WIRE_LIMITS } from '@bellwether/shared/wire';
import type { Column, Frame } from './frame.ts';
import type { Input } from './input.ts';
import { KeptFile, ReadBuffer } from './kept-file.ts';
import { MAX_KEPT, parseNumber } from './sys-numbers.ts';

/** Devices are looked for this often. */
const LAYOUT_MS: Millis = 60_000;
/** A text becomes a label: at most four bytes a character. */
const TEXT_CHARS = WIRE_LIMITS.labelValueBytes / 4;

/** Names in a folder that match, in natural order (`sd2` before `sd10`). Throws where the folder is not there. */
export function entriesOf(folder: string, pattern = /^[^.]/): string[] {
  return readdirSync(folder)
    .filter((entry) => pattern.test(entry))
    .sort(naturally);
}

/** Like `entriesOf`, but none where the folder is not there or cannot be read. */
export function entriesIfAny(folder: string, pattern?: RegExp): string[] {
  try {
    return entriesOf(folder, pattern);
  } catch {
    // Most devices lack some folder that others of their kind have.
    return [];
  }
}

/** What a small file says, without white space around it; undefined when it is missing or the driver refuses to answer. */
export function textOf(...path: string[]): string | undefined {
  try {
    return readFileSync(join(...path), 'utf8')
      .slice(0, TEXT_CHARS)
      .trim();
  } catch {
    // A driver may refuse any of its files at any time (EAGAIN, EIO, ENODATA); the others still count.
    return undefined;
  }
}

/** The whole number a small file holds; undefined when there is none. */
export function numberOf(...path: string[]): number | undefined {
  const text = textOf(...path);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** Text by text and number by number. The collator of the language would do it too, for megabytes of tables. */
function naturally(a: string, b: string): number {
  const [as, bs] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let i = 0; i < Math.min(as.length, bs.length); i++) {
    const [x, y] = [as[i]!, bs[i]!];
    // Every other part is a number.
    const order = i % 2 === 1 ? Number(x) - Number(y) : 0;
    if (order !== 0) return order;
    if (x !== y) return x < y ? -1 : 1;
  }
  return as.length - bs.length;
}

/** One column of a `sensorInput`: a file with a whole number, or a value that holds until devices are looked for again. */
export type Sensor = { readonly column: Column } & (
  | { readonly path: string; readonly times?: number; readonly per?: number }
  | { readonly value: number }
);

/**
 * An input of one column a file. `find` lists them and throws when there is no such hardware; a file that gives no number now is
 * absent, and the input fails only when every file does.
 */
export function sensorInput(frame: Frame, find: () => Sensor[], layoutMs = LAYOUT_MS): Input {
  let sensors: Sensor[] = [];
  let files: (KeptFile | undefined)[] = [];
  let foundAtMs: Millis | undefined;
  // Made with the first sensor: most hosts lack most hardware.
  let buffer: ReadBuffer | undefined;

  const closeAll = () => {
    for (const file of files) file?.close();
  };
  const look = () => {
    const found = distinct(find(), ({ column }) => column);
    const same = found.length === sensors.length && found.every((sensor, i) => pathOf(sensor) === pathOf(sensors[i]!));
    sensors = found;
    frame.setColumns(found.map(({ column }) => column));
    if (same) return;
    closeAll();
    const into = new ReadBuffer();
    const keep = found.length <= MAX_KEPT;
    files = found.map((sensor) => ('path' in sensor ? new KeptFile(sensor.path, into, keep) : undefined));
    buffer = into;
  };

  return {
    read(timeMs) {
      if (foundAtMs === undefined || timeMs - foundAtMs >= layoutMs) {
        foundAtMs = undefined;
        look();
        foundAtMs = timeMs;
      }
      let failure: unknown;
      let good = 0;
      for (const [i, sensor] of sensors.entries()) {
        if ('value' in sensor) {
          frame.values[i] = sensor.value;
          good++;
          continue;
        }
        try {
          const length = files[i]!.readIfPresent(timeMs);
          if (length >= 0) frame.values[i] = (parseNumber(buffer!.bytes, length) * (sensor.times ?? 1)) / (sensor.per ?? 1);
          good++;
        } catch (error) {
          failure = error;
        }
      }
      if (good === 0 && failure !== undefined) throw failure;
    },
    close: closeAll,
  };
}

function pathOf(sensor: Sensor): string {
  return 'path' in sensor ? sensor.path : '';
}

/** Name and labels of a series together, so that no label alone is longer than the wire takes at three bytes a character. */
const MAX_KEY_CHARS = Math.floor(WIRE_LIMITS.labelValueBytes / 3);

/** A column with its value. */
export type Row = readonly [Column, number];

/** An input whose columns are found anew by each reading, for what is read seldom or is mostly text. */
export function rowsInput(frame: Frame, rowsOf: (timeMs: Millis) => Row[]): Input {
  return {
    read(timeMs) {
      const rows = distinct(rowsOf(timeMs), ([column]) => column).filter(([, value]) => !Number.isNaN(value));
      frame.setColumns(rows.map(([column]) => column));
      for (const [i, [, value]] of rows.entries()) frame.values[i] = value;
    },
  };
}

/**
 * Drivers and damaged files give the same name twice, or names without end: the first of equal series counts, those too long for the wire do not.
 * Throws TOO_LARGE for more series than a group may have.
 */
function distinct<T>(items: readonly T[], columnOf: (item: T) => Column): T[] {
  if (items.length > WIRE_LIMITS.seriesPerGroup)
    throw new AppError(
      'TOO_LARGE',
      `${items.length} series were found, ${WIRE_LIMITS.seriesPerGroup} are the most; leave some out by the options of this input.`,
    );
  const seen = new Set<string>();
  return items.filter((item) => {
    const { name, labels } = columnOf(item);
    const key = `${name}\n${JSON.stringify(labels)}`;
    if (key.length > MAX_KEY_CHARS || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Whether a thing of this name is wanted: matches `include` (if any) and not `exclude`. */
export function isWanted(name: string, include: RegExp | undefined, exclude: RegExp | undefined): boolean {
  return include?.test(name) !== false && exclude?.test(name) !== true;
}
