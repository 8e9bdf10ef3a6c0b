/**
 * Keeps what is sent to so many bytes a second, averaged over ten: a bucket that holds ten seconds' worth. The backlog may use the upper half
 * alone, so that there is room for live rows; these wait only when the bucket is empty.
 */
import type { Clock, Millis } from '@bellwether/shared';

const DEPTH_S = 10;
const KEPT_FOR_LIVE = 0.5;

export class Pacer {
  readonly #bytesPerS: number;
  readonly #clock: Clock;
  readonly #depth: number;
  /** Bytes that may be sent at `#atMs`; below zero after a frame larger than what was left. */
  #left: number;
  #atMs: Millis;

  /** 0 bytes a second: no limit. */
  constructor(bytesPerS: number, clock: Clock) {
    this.#bytesPerS = bytesPerS;
    this.#clock = clock;
    this.#depth = bytesPerS * DEPTH_S;
    this.#left = this.#depth;
    this.#atMs = clock.monotonic();
  }

  /** Counts bytes that were sent. */
  spend(bytes: number): void {
    this.#refill();
    this.#left -= bytes;
  }

  /** Whether live rows may be sent now. */
  get hasRoom(): boolean {
    this.#refill();
    return this.#bytesPerS === 0 || this.#left > 0;
  }

  /** Bytes of backlog that may be sent now: none, or a second's worth and more. */
  get backlogBytes(): number {
    if (this.#bytesPerS === 0) return Number.POSITIVE_INFINITY;
    this.#refill();
    const bytes = this.#left - this.#depth * KEPT_FOR_LIVE;
    return bytes >= this.#bytesPerS ? bytes : 0;
  }

  /** Until `backlogBytes` allows something, if nothing else is sent. */
  get backlogWaitMs(): Millis {
    if (this.backlogBytes > 0) return 0;
    return Math.ceil(((this.#depth * KEPT_FOR_LIVE + this.#bytesPerS - this.#left) / this.#bytesPerS) * 1000);
  }

  #refill(): void {
    const nowMs = this.#clock.monotonic();
    this.#left = Math.min(this.#depth, this.#left + ((nowMs - this.#atMs) / 1000) * this.#bytesPerS);
    this.#atMs = nowMs;
  }
}
