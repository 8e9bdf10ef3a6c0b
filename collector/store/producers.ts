import type { Millis } from '@bellwether/shared';
import { SeqProgress, type SeqProgressState } from '@bellwether/shared/wire';
import type { Progress } from './store.ts';

/** One epoch of one producer. `durableSeq` follows `seen.contiguous` as commits reach the disk. */
export interface Producer {
  readonly id: number;
  readonly name: string;
  readonly epoch: string;
  seen: SeqProgress;
  durableSeq: number;
  touchedMs: Millis;
}

/** JSON-able form of one producer, as kept in checkpoints. */
export interface ProducerState {
  readonly id: number;
  readonly name: string;
  readonly epoch: string;
  readonly seen: SeqProgressState;
  readonly touchedMs: Millis;
}

/** An agent makes a new epoch only with a new spool, so more than a few per agent are leftovers. */
const MAX_EPOCHS = 4;

/** Which batches of which producer were stored. Holds at most 4 epochs a producer; the longest untouched is forgotten first. */
export class Producers {
  readonly #byName = new Map<string, Producer[]>();
  readonly #byId = new Map<number, Producer>();
  #nextId = 1;

  get(name: string, epoch: string): Producer | undefined {
    return this.#byName.get(name)?.find((producer) => producer.epoch === epoch);
  }

  byId(id: number): Producer | undefined {
    return this.#byId.get(id);
  }

  add(name: string, epoch: string, id = this.#nextId, seen = new SeqProgress(), touchedMs: Millis = 0): Producer {
    const producer: Producer = { id, name, epoch, seen, durableSeq: seen.contiguous, touchedMs };
    this.#nextId = Math.max(this.#nextId, id + 1);
    const epochs = this.#byName.get(name) ?? [];
    if (epochs.length >= MAX_EPOCHS) {
      const oldest = epochs.reduce((a, b) => (b.touchedMs < a.touchedMs ? b : a));
      epochs.splice(epochs.indexOf(oldest), 1);
      this.#byId.delete(oldest.id);
    }
    epochs.push(producer);
    this.#byName.set(name, epochs);
    this.#byId.set(id, producer);
    return producer;
  }

  progress(name: string, epoch: string): Progress | undefined {
    const producer = this.get(name, epoch);
    return producer && { epoch, contiguousSeq: producer.durableSeq };
  }

  serialise(): ProducerState[] {
    return [...this.#byId.values()].map(({ id, name, epoch, seen, touchedMs }) => ({ id, name, epoch, seen: seen.serialise(), touchedMs }));
  }

  /** Replaces everything held by `states`. */
  restore(states: readonly ProducerState[]): void {
    this.#byName.clear();
    this.#byId.clear();
    for (const { name, epoch, id, seen, touchedMs } of states) this.add(name, epoch, id, SeqProgress.restore(seen), touchedMs);
  }

  /** Forgets what was not touched since `beforeMs`. */
  prune(beforeMs: Millis): void {
    for (const producer of this.#byId.values()) {
      if (producer.touchedMs >= beforeMs) continue;
      this.#byId.delete(producer.id);
      const epochs = this.#byName.get(producer.name)!;
      epochs.splice(epochs.indexOf(producer), 1);
      if (epochs.length === 0) this.#byName.delete(producer.name);
    }
  }

  *[Symbol.iterator](): IterableIterator<Producer> {
    yield* this.#byId.values();
  }
}
