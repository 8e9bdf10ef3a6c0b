/** What the facts process prints for the agent. */

/** Of a message's text on the wire, with some room. */
export const MAX_FACTS_BYTES = 64_000;

export interface FactsReport {
  /** All facts as JSON, to be kept until the next time. */
  readonly facts: string;
  /** Facts as JSON of at most MAX_FACTS_BYTES. */
  readonly message: string;
  /** What changed since the last time, one text per section. */
  readonly changes: readonly string[];
}

/** Undefined when it is not a report. */
export function parseFactsReport(text: string): FactsReport | undefined {
  try {
    const value = JSON.parse(text) as Partial<FactsReport> | null;
    const isReport =
      typeof value?.facts === 'string' &&
      typeof value.message === 'string' &&
      Array.isArray(value.changes) &&
      value.changes.every((change) => typeof change === 'string');
    return isReport ? (value as FactsReport) : undefined;
  } catch {
    // Cut off or not ours; the caller says so.
    return undefined;
  }
}
