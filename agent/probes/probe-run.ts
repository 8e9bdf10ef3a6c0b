import { errorCode, type Millis } from '@bellwether/shared';
import type { ProbeOutcome, ProbeRequest, ProbeSample, ProbeTools } from './probe.ts';
import { inWords, ProbeFailure, reasonOf } from './reason.ts';
import { type Address, type AddressChoice, addressHash } from './resolver.ts';

interface Closable {
  destroy(): unknown;
}

/** What a try waits for; says what a deadline cut short. */
export type Phase = 'resolve' | 'connect' | 'tls' | 'answer' | 'body';

const CUT_SHORT: Readonly<Record<Phase, (time: string) => string>> = {
  resolve: (time) => `name lookup: no answer in ${time}`,
  connect: (time) => `no answer in ${time}`,
  tls: (time) => `TLS handshake not finished in ${time}`,
  answer: (time) => `connected, but no answer in ${time}`,
  body: (time) => `answer not finished in ${time}`,
};

/** One try from its start to its deadline: the clock, the samples so far, and the sockets to close in the end. */
export class ProbeRun {
  readonly tools: ProbeTools;
  readonly timeoutMs: Millis;
  phase: Phase = 'resolve';
  /** The address that was probed last. */
  address: Address | undefined;
  readonly #startedMs: number;
  readonly #samples: ProbeSample[] = [];
  readonly #open: Closable[] = [];
  readonly #expired: Promise<never>;
  readonly #cancel: () => void;
  #lookupMs = 0;

  /** `graceMs`: for what keeps to `timeoutMs` itself and says more than the deadline could. */
  constructor({ timeoutMs }: ProbeRequest, tools: ProbeTools, graceMs: Millis = 0) {
    this.tools = tools;
    this.timeoutMs = timeoutMs;
    this.#startedMs = tools.clock.monotonic();
    let expire: (error: ProbeFailure) => void = () => {};
    this.#expired = new Promise<never>((_, reject) => {
      expire = reject;
    });
    this.#expired.catch(() => {}); // whoever waits when it happens has raced against it
    this.#cancel = tools.clock.after(timeoutMs + graceMs, () => expire(new ProbeFailure(CUT_SHORT[this.phase](inWords(timeoutMs)))));
  }

  /** Ms since the try began. */
  get elapsedMs(): number {
    return this.tools.clock.monotonic() - this.#startedMs;
  }

  set(name: string, value: number, labels?: Readonly<Record<string, string>>): void {
    this.#samples.push(labels === undefined ? { name, value } : { name, labels, value });
  }

  /** Waits for `work`, but not beyond the deadline. */
  within<T>(phase: Phase, work: Promise<T>): Promise<T> {
    this.phase = phase;
    return Promise.race([work, this.#expired]);
  }

  /** Closed when the try is over. */
  own<T extends Closable>(socket: T): T {
    this.#open.push(socket);
    return socket;
  }

  /** The address of a host, with the series every probe has about it. */
  async resolve(host: string, choice: AddressChoice): Promise<Address> {
    const beganMs = this.elapsedMs;
    try {
      this.address = await this.within('resolve', this.tools.resolver.resolve(host, choice));
      return this.address;
    } catch (error) {
      if (errorCode(error) === 'ENOTFOUND') throw new ProbeFailure(`name not found: ${host}`);
      throw error;
    } finally {
      this.#lookupMs += this.elapsedMs - beganMs;
    }
  }

  get lookupMs(): number {
    return this.#lookupMs;
  }

  /** Runs `work` to its end or to the deadline; what it throws is the reason. `always` adds the series that come in every case. */
  async finish(work: () => Promise<void>, always: () => void = () => {}): Promise<ProbeOutcome> {
    let reason = '';
    try {
      await work();
    } catch (error) {
      reason = reasonOf(error);
      if (reason === '') reason = 'failed without a reason';
    }
    const durationMs = this.elapsedMs;
    this.#cancel();
    for (const socket of this.#open.reverse()) socket.destroy();
    always();
    this.set('probe_dns_lookup_time_seconds', this.#lookupMs / 1_000);
    this.set('probe_ip_protocol', this.address?.family ?? 0);
    this.set('probe_ip_addr_hash', this.address === undefined ? 0 : addressHash(this.address));
    return { success: reason === '', reason, durationMs, samples: this.#samples };
  }
}
