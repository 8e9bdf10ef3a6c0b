import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, labelsFrom, labelsKey } from '@bellwether/shared';
import { WIRE_LIMITS } from '@bellwether/shared/wire';
import { type Cell, cellsFor, showCells } from './cells.ts';
import { type ExposedFamily, parseExposition } from './exposition.ts';

import { defineInput, gauge } from './input.ts';
import { slowReading } from './slow-reading.ts';

const METRICS = {
  node_textfile_scrape_error: gauge('1 if a folder or file could not be read or understood; the files concerned are left out whole.'),
  node_textfile_mtime_seconds: gauge('When a file that was read was last changed, seconds since the epoch.'),
  node_textfile_error_info: gauge('A file or folder that was left out, and why; always 1.'),
};
const cell = cellsFor(METRICS);
const MAX_FILES = 256;
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_SERIES = 10_000;
const MAX_ERROR_LENGTH = 200;
const LIMITS = {
  samples: MAX_SERIES,
  labelsPerSample: WIRE_LIMITS.labelsPerSeries / 2,
  nameLength: WIRE_LIMITS.labelNameBytes / 2,
  // A UTF-16 unit takes three bytes at most.
  valueLength: Math.floor(WIRE_LIMITS.labelValueBytes / 3),
};
const HELP_LENGTH = Math.floor(WIRE_LIMITS.helpBytes / 3);

export default defineInput({
  name: 'textfile',
  help: `Metrics that other programs leave as \`*.prom\` files (text format 0.0.4, at most ${MAX_FILE_BYTES / 1024 / 1024} MB each and ${MAX_SERIES} series in all). A label that the agent sets itself becomes \`exported_NAME\`. Folders are looked at every 5 s at most unless its own interval says otherwise.`,
  metrics: METRICS,
  options: { directories: { kind: 'words', default: '', help: 'Folders with such files.' } },
  // Looking at a folder wakes another thread, and what writes the files runs once a minute.
  floorMs: 5_000,
  slow: true,
  create({ options, frame }) {
    const folders = options.words('directories');
    const cache = new Map<string, CachedFile>();
    return slowReading({
      run: async () => {
        const files = await readFolders(folders, cache);
        return assemble(files, frame.baseLabelNames);
      },
      show: (cells) => showCells(frame, cells),
    });
  },
});

/** What one file, or one folder that could not be listed, came to. */
export interface TextFile {
  readonly path: string;
  readonly mtimeMs: number;
  readonly families: readonly ExposedFamily[];
  readonly error?: string;
}

interface CachedFile extends TextFile {
  /** Changes whenever the content may have. */
  readonly version: string;
}

async function readFolders(folders: readonly string[], cache: Map<string, CachedFile>): Promise<TextFile[]> {
  const results: TextFile[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    let names: string[];
    try {
      names = (await readdir(folder)).filter((name) => name.endsWith('.prom')).sort();
    } catch (error) {
      results.push({ path: folder, mtimeMs: 0, families: [], error: errorMessage(error) });
      continue;
    }
    for (const name of names) {
      const path = join(folder, name);
      if (seen.has(path)) continue;
      seen.add(path);
      if (seen.size > MAX_FILES) results.push({ path, mtimeMs: 0, families: [], error: `more than ${MAX_FILES} files` });
      else results.push(await readOne(path, cache));
    }
  }
  for (const path of cache.keys()) if (!seen.has(path)) cache.delete(path);
  return results;
}

/** A file is read again only when it changed. */
async function readOne(path: string, cache: Map<string, CachedFile>): Promise<TextFile> {
  try {
    const found = await stat(path);
    // A pipe or device would keep us waiting, or reading, for ever.
    if (!found.isFile()) throw new Error('not a file');
    const { mtimeMs, ctimeMs, size, ino } = found;
    const version = `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
    const cached = cache.get(path);
    if (cached?.version === version) return cached;
    const fresh = { path, mtimeMs, version, ...(await parseFile(path, size)) };
    cache.set(path, fresh);
    return fresh;
  } catch (error) {
    cache.delete(path);
    return { path, mtimeMs: 0, families: [], error: errorMessage(error) };
  }
}

async function parseFile(path: string, size: number): Promise<Pick<TextFile, 'families' | 'error'>> {
  if (size > MAX_FILE_BYTES) return { families: [], error: `larger than ${MAX_FILE_BYTES} bytes` };
  const bytes = await readFile(path);
  try {
    const families = parseExposition(new TextDecoder('utf-8', { fatal: true }).decode(bytes), LIMITS);
    const stamped = families.find(({ samples }) => samples.some(({ timeMs }) => timeMs !== undefined));
    if (stamped !== undefined) return { families: [], error: `${stamped.name} carries times of its own, which a file may not` };
    return { families };
  } catch (error) {
    return { families: [], error: errorMessage(error) };
  }
}

/** Columns and values of all files; a file whose series another already gave, or that would be too much, is left out whole. */
export function assemble(files: readonly TextFile[], reservedLabels: readonly string[]): Cell[] {
  const reserved = new Set(reservedLabels);
  const cells: Cell[] = [];
  const about: Cell[] = [];
  const taken = new Set<string>();
  let failed = false;
  for (const { path, mtimeMs, families, error } of files) {
    const own = cellsOf(families, path, reserved);
    const keys = new Set(own.map(([{ name, labels }]) => labelsKey(labelsFrom({ ...labels, __name__: name }))));
    const problem =
      error ??
      (keys.size !== own.length ? 'the same series twice' : undefined) ??
      ([...keys].some((key) => taken.has(key)) ? 'a series that another file has' : undefined) ??
      (cells.length + own.length > MAX_SERIES ? `more than ${MAX_SERIES} series in all` : undefined);
    if (problem === undefined) {
      for (const key of keys) taken.add(key);
      for (const cell of own) cells.push(cell);
      about.push(cell('node_textfile_mtime_seconds', { file: path }, mtimeMs / 1000));
    } else {
      failed = true;
      about.push(cell('node_textfile_error_info', { file: path, error: problem.slice(0, MAX_ERROR_LENGTH) }, 1));
    }
  }
  about.push(cell('node_textfile_scrape_error', {}, failed ? 1 : 0));
  return [...cells, ...about];
}

function cellsOf(families: readonly ExposedFamily[], path: string, reserved: ReadonlySet<string>): Cell[] {
  return families.flatMap(({ type, help, samples }) =>
    samples.map(({ name, labels, value }): Cell => {
      const text = help === '' ? `Metric read from ${path}` : help;
      return [{ name, labels: renameReserved(labels, reserved), type, help: text.slice(0, HELP_LENGTH) }, value];
    }),
  );
}

/** A label the agent sets itself keeps its value under another name, as after a scrape. */
function renameReserved(labels: Readonly<Record<string, string>>, reserved: ReadonlySet<string>): Record<string, string> {
  const renamed = Object.entries(labels).map(([name, value]): [string, string] => {
    let free = name;
    while (reserved.has(free) || (free !== name && Object.hasOwn(labels, free))) free = `exported_${free}`;
    return [free, value];
  });
  return Object.fromEntries(renamed);
}
