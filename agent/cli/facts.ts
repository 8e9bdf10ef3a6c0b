/** `bellwether-agent facts`: a short-lived process, so that what it takes to find the facts stays out of the agent. */
import { readFile } from 'node:fs/promises';
import { type Clock, systemClock } from '@bellwether/shared';
import { runChild } from '../bounded-child.ts';
import { factChanges, factsText } from '../facts/changes.ts';
import { collectFacts, type FactSources, type HostFacts } from '../facts/collect.ts';
import { createFacade } from '../facts/facade.ts';
import { installedPackages } from '../facts/packages.ts';
import { type FactsReport, MAX_FACTS_BYTES } from '../facts/report.ts';

const QUESTION_TIMEOUT_MS = 10_000;
const PACKAGES_TIMEOUT_MS = 20_000;

export function hostFacts(rootfs: string, clock: Clock = systemClock, sources: Partial<FactSources> = {}): Promise<HostFacts> {
  return collectFacts({
    ask: createFacade({ clock, timeoutMs: QUESTION_TIMEOUT_MS }),
    packages: () => installedPackages(rootfs, (options) => runChild({ ...options, clock, timeoutMs: PACKAGES_TIMEOUT_MS })),
    rootfs,
    ...sources,
  });
}

/** For the agent: the facts as text that fits a message, and how they differ from those in `previousFile`. */
export async function factsReport(facts: HostFacts, previousFile: string): Promise<FactsReport> {
  const previous = await readFacts(previousFile);
  // Kept whole, so that a package beyond the message's bound is still compared.
  return {
    facts: JSON.stringify(facts),
    message: factsText(facts, MAX_FACTS_BYTES),
    changes: previous === undefined ? [] : factChanges(previous, facts).map(({ text }) => text),
  };
}

async function readFacts(path: string): Promise<HostFacts | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as HostFacts) : undefined;
  } catch {
    // None yet, or damaged: there is nothing to compare with.
    return undefined;
  }
}
