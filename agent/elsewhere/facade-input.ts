/** An input for systems without procfs: one question to the facade, and its answer as cells. */
import { type Answers, createFacade, type FacadeOptions, type Question } from '../facts/facade.ts';
import { type Cell, showCells } from '../inputs/cells.ts';
import { defineInput, type InputDefinition, type MetricInfo } from '../inputs/input.ts';
import { slowReading } from '../inputs/slow-reading.ts';

export interface FacadeInput<Q extends Question> {
  /** That of the Linux input with the same metrics, so that the agent's file is the same everywhere. */
  readonly name: string;
  readonly help: string;
  readonly metrics: Readonly<Record<string, MetricInfo>>;
  readonly question: Q;
  readonly intervalMs?: number;
  readonly offByDefault?: boolean;
  readonly priority?: InputDefinition['priority'];
  /** NaN and fields that are left out are absent. Null, and zero where there can be none, mean that the library does not know. */
  readonly cells: (answer: Answers[Q]) => readonly Cell[];
}

const TIMEOUT_MS = 30_000;

/** Makes the input's definition; `load` is the library unless a test has another. */
export type FacadeInputMaker = (load?: FacadeOptions['load']) => InputDefinition;

/** Many of these questions start a process, so live mode does not ask more often. */
export function facadeInput<Q extends Question>({ question, cells, ...definition }: FacadeInput<Q>): FacadeInputMaker {
  return (load) =>
    defineInput({
      intervalMs: 30_000,
      slow: true,
      ...definition,
      create({ clock, frame }) {
        const ask = createFacade({ clock, timeoutMs: TIMEOUT_MS, ...(load === undefined ? {} : { load }) });
        return slowReading({
          show: (shown: readonly Cell[]) => showCells(frame, shown),
          async run() {
            const answer = await ask(question);
            if (answer === undefined) throw Object.assign(new Error(`this system has no answer to ${question}`), { code: 'ENOENT' });
            return cells(answer);
          },
        });
      },
    });
}

/** NaN for what is no number, or below `least`. */
export function numberFrom(value: unknown, least = 0): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= least ? value : Number.NaN;
}
