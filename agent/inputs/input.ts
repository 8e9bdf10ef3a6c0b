/** The shape of an input: one file that reads one kind of local metric. */
import type { Clock, MetricType, Millis, SeriesMeta } from '@bellwether/shared';
import type { Priority } from '../limits/shedding.ts';
import type { Frame } from './frame.ts';
import type { NumberTable, TableFormat } from './number-table.ts';

export interface MetricInfo {
  readonly type: MetricType;
  readonly help: string;
}

/** Where the host's trees are mounted; containers mount them elsewhere. */
export interface HostPaths {
  readonly procfs: string;
  readonly sysfs: string;
  readonly rootfs: string;
}

/** One option of an input: its value when the agent's file is silent, and what it does. `pattern` is a regular expression, `words` a list of texts. */
export interface OptionInfo {
  readonly kind: 'pattern' | 'patterns' | 'boolean' | 'duration' | 'words' | 'text';
  /** Durations in ms. A pattern of '' matches nothing. Words with blanks between them. Patterns (by name) are none: ''. */
  readonly default: string | boolean | number;
  readonly help: string;
}

export interface InputContext {
  readonly paths: HostPaths;
  /** Options of this input from the agent's file, already checked. */
  readonly options: InputOptions;
  readonly clock: Clock;
  /** Where the input puts its columns and values. */
  readonly frame: Frame;
  /** A file below `paths.procfs` as a table of numbers; inputs that ask for the same file share one reading per tick. */
  proc(path: string, format?: TableFormat): NumberTable;
  /** Further metrics of the agent's other parts; for the input `agent_self` alone. */
  selfMetrics(): readonly SelfMetric[];
}

export interface InputOptions {
  pattern(name: string): RegExp | undefined;
  /** In the file's order. */
  patterns(name: string): ReadonlyMap<string, RegExp>;
  text(name: string): string;
  flag(name: string): boolean;
  durationMs(name: string): Millis;
  words(name: string): readonly string[];
}

/** A metric that another part of the agent (spool, uplink) lets `agent_self` report. */
export interface SelfMetric extends MetricInfo {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A running input. */
export interface Input {
  /**
   * Fills `frame.values`, which hold NaN (absent) when it is called, and calls `frame.setColumns` first when the columns changed. `timeMs` is the
   * tick's stamp. Throws when nothing could be read; what is missing for a good reason stays NaN. A promise is awaited up to a
   * deadline; then `settle` is called or, without one, the reading has failed.
   */
  read(timeMs: Millis): void | Promise<void>;
  /** The deadline of a reading under way: resolves its promise with what is there. */
  settle?(): void;
  close?(): void;
}

export interface InputDefinition {
  /** Name in the agent's file, of the group on the wire and of the label `collector`. */
  readonly name: string;
  /** One sentence: what it reads and where. */
  readonly help: string;
  /** Metric names with type and help; a name may hold `*` where the kernel decides the rest. Written into docs/reference/inputs.md. */
  readonly metrics: Readonly<Record<string, MetricInfo>>;
  readonly options?: Readonly<Record<string, OptionInfo>>;
  /** Time between readings when the agent's file is silent; without it the agent's default interval. At most 2 minutes. */
  readonly intervalMs?: Millis;
  /** It is read only where the agent's file says `enabled: true`. */
  readonly offByDefault?: boolean;
  /** The agent's default interval and live mode do not bring it below this; an interval of its own in the agent's file does. */
  readonly floorMs?: Millis;
  /** Live mode leaves it at its interval: it changes seldom or costs much. */
  readonly slow?: boolean;
  /** Which go first when the agent exceeds its limits: `extra`, then `normal` (the default); `essential` ones stay. */
  readonly priority?: Priority;
  create(context: InputContext): Input;
}

export function defineInput(definition: InputDefinition): InputDefinition {
  return definition;
}

export const counter = (help: string): MetricInfo => ({ type: 'counter', help });
export const gauge = (help: string): MetricInfo => ({ type: 'gauge', help });
export const untyped = (help: string): MetricInfo => ({ type: 'untyped', help });

/** What one input hands over after a reading. The arrays are reused by the next reading: copy what must be kept. */
export interface Reading {
  /** Input instance, the group's name on the wire. */
  readonly group: string;
  /** Rises whenever `series` changes. */
  readonly generation: number;
  readonly series: readonly SeriesMeta[];
  /** Bitmap, LSB first (shared/samples.ts); null = all present. A column that was present and now is not carries one staleness marker. */
  readonly presence: Uint8Array | null;
  readonly values: Float64Array;
}

/** All due readings of one tick, stamped with one time. */
export interface Collection {
  readonly timeMs: number;
  readonly readings: readonly Reading[];
}
