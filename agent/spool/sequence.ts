import { randomBytes } from 'node:crypto';
import { errorMessage, type Log } from '@bellwether/shared';
import { readJsonFile, writeJsonFile } from '../data-file.ts';

/** Numbers are reserved on disk this many at a time: one write in half a day at 25 rows a second. */
const BLOCK = 2 ** 20;

export interface SequenceOptions {
  readonly path: string;
  readonly log: Log;
  /** Newest number that is known to be in use, whatever the file says. */
  readonly usedSeq: number;
}

/**
 * Gives out the numbers of the agent's rows. What was given out is never given out again, not even after a power cut: before numbers are used
 * they are reserved on disk, and a start goes on above the reservation. If no file can be written, each run counts in an epoch of its own.
 */
export class Sequence {
  readonly #path: string;
  readonly #log: Log;
  #epoch: string;
  #last: number;
  #reserved: number;
  #reserving: Promise<void> = Promise.resolve();
  #isReserving = false;

  private constructor(options: SequenceOptions, epoch: string, last: number) {
    this.#path = options.path;
    this.#log = options.log;
    this.#epoch = epoch;
    this.#last = last;
    this.#reserved = last;
  }

  static async open(options: SequenceOptions): Promise<Sequence> {
    const kept = await readMeta(options);
    const sequence = new Sequence(options, kept?.epoch ?? newEpoch(), Math.max(kept?.reservedSeq ?? 0, options.usedSeq));
    if (!(await sequence.#reserve())) sequence.#epoch = newEpoch();
    return sequence;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** Newest number given out (or passed over by an earlier run). */
  get last(): number {
    return this.#last;
  }

  next(): number {
    this.#last++;
    if (this.#last > this.#reserved - BLOCK / 2 && !this.#isReserving) {
      this.#isReserving = true;
      this.#reserving = this.#reserve().then((reserved) => {
        // After a failure the next try comes a good while later; there are half a million numbers to go.
        if (!reserved) this.#reserved += BLOCK / 64;
        this.#isReserving = false;
      });
    }
    return this.#last;
  }

  /** A fresh epoch in which all numbers keep their value: rows that were in doubt are sent again and land on what is stored already. */
  async renew(): Promise<void> {
    await this.#reserving;
    this.#epoch = newEpoch();
    await this.#reserve();
  }

  /** Gives back what was reserved and not used. */
  async stop(): Promise<void> {
    await this.#reserving;
    await this.#write(this.#last);
  }

  async #reserve(): Promise<boolean> {
    const reserved = this.#last + BLOCK;
    if (!(await this.#write(reserved))) return false;
    this.#reserved = reserved;
    return true;
  }

  async #write(reservedSeq: number): Promise<boolean> {
    try {
      await writeJsonFile(this.#path, { epoch: this.#epoch, reservedSeq });
      return true;
    } catch (error) {
      this.#log.error({ file: this.#path, error: errorMessage(error) }, 'sequence numbers cannot be reserved on disk');
      return false;
    }
  }
}

function newEpoch(): string {
  return randomBytes(12).toString('hex');
}

async function readMeta({ path, log }: SequenceOptions): Promise<{ epoch: string; reservedSeq: number } | undefined> {
  try {
    const meta = await readJsonFile(path);
    if (typeof meta === 'object' && meta !== null && 'epoch' in meta && 'reservedSeq' in meta) {
      const { epoch, reservedSeq } = meta;
      if (
        typeof epoch === 'string' &&
        epoch !== '' &&
        typeof reservedSeq === 'number' &&
        Number.isSafeInteger(reservedSeq) &&
        reservedSeq >= 0
      )
        return { epoch, reservedSeq };
    }
  } catch (error) {
    log.error({ file: path, error: errorMessage(error) }, 'spool state cannot be read; counting starts in a new epoch');
  }
  return undefined;
}
