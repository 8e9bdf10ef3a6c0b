/** The tables of NFS below /proc/net/rpc: lines of a word and numbers whose places have meanings. */
import type { MetricInfo } from './input.ts';
import type { TableLine } from './number-table.ts';
import type { CellColumn } from './table-input.ts';

export const PROC2 =
  'Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename Link SymLink MkDir RmDir ReadDir FsStat';
export const PROC3 =
  'Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove RmDir Rename Link ReadDir ReadDirPlus FsStat ' +
  'FsInfo PathConf Commit';

/** Where a number stands: the word its line begins with, and its place after that word. */
export interface Place {
  readonly line: string;
  readonly at: number;
  readonly name: string;
  readonly info: MetricInfo;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Counts of requests: the place after the word holds how many there are. Methods named `-` are not told. */
export function methodPlaces(line: string, proto: string, methods: string, name: string, info: MetricInfo): Place[] {
  return methods.split(' ').flatMap((method, i) => (method === '-' ? [] : [{ line, at: i + 1, name, info, labels: { proto, method } }]));
}

export function placedColumns(lines: readonly TableLine[], places: readonly Place[]): CellColumn[] {
  const byWord = new Map(lines.map((line) => [line[0], line]));
  return places.flatMap(({ line, at, name, info, labels }): CellColumn[] => {
    const cell = byWord.get(line)?.[at + 1];
    return typeof cell === 'number' ? [{ name, labels, ...info, cell }] : [];
  });
}
