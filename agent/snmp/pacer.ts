/** Spreads packets of all devices over time. What waits is bounded by the number of devices: each sends one packet and awaits its answer. */
import type { Clock } from '@bellwether/shared';

const SLICE_MS = 10;

export class Pacer {
  readonly #clock: Clock;
  readonly #perSlice: number;
  readonly #waiting: (() => void)[] = [];
  #left: number;
  #isArmed = false;

  constructor(clock: Clock, packetsPerSecond: number) {
    this.#clock = clock;
    this.#perSlice = Math.max(1, Math.round((packetsPerSecond * SLICE_MS) / 1000));
    this.#left = this.#perSlice;
  }

  turn(): Promise<void> {
    this.#arm();
    if (this.#left > 0) {
      this.#left--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#clock.after(SLICE_MS, () => {
      this.#isArmed = false;
      this.#left = this.#perSlice;
      const released = this.#waiting.splice(0, this.#perSlice);
      this.#left -= released.length;
      if (released.length > 0) this.#arm();
      for (const go of released) go();
    });
  }
}
