/** One collection of everything as Prometheus text: `bellwether-agent once`. */
import {
  type Clock,
  isPresent,
  isStaleAt,
  type Log,
  labelsKey,
  labelsToRecord,
  labelValue,
  METRIC_NAME,
  silentLog,
  systemClock,
} from '@bellwether/shared';
import { inputsHere } from '../elsewhere/index.ts';
import { createCollector, type InputSettings } from '../inputs/collect.ts';
import type { Collection, HostPaths } from '../inputs/input.ts';

export interface OnceOptions {
  readonly paths?: Partial<HostPaths>;
  readonly inputs?: Readonly<Record<string, InputSettings>>;
  readonly clock?: Clock;
  readonly log?: Log;
}

/** Reads every input once. Series carry no job and instance: whoever takes the text in adds its own. The agent's own metrics are left out. */
export async function runOnce({ paths, inputs, clock = systemClock, log = silentLog }: OnceOptions = {}): Promise<string> {
  const collector = createCollector({
    definitions: inputsHere({ procfs: paths?.procfs ?? '/proc' }),
    paths,
    inputs: { ...inputs, agent_self: { enabled: false } },
    baseLabels: {},
    clock,
    log,
  });
  try {
    return onceText(await collector.collect(clock.now()));
  } finally {
    collector.close();
  }
}

interface Family {
  readonly type: string;
  readonly help: string;
  readonly lines: { readonly key: string; readonly text: string }[];
}

/** Text exposition format 0.0.4, metrics and their series in order. */
export function onceText({ readings }: Collection): string {
  const families = new Map<string, Family>();
  for (const { series, presence, values } of readings) {
    for (const [i, { labels, type, help }] of series.entries()) {
      if (!isPresent(presence, i) || isStaleAt(values, i)) continue;
      const name = labelValue(labels, METRIC_NAME);
      const familyName = familyOf(name, type);
      let family = families.get(familyName);
      if (family === undefined) {
        family = { type, help, lines: [] };
        families.set(familyName, family);
      }
      family.lines.push({ key: labelsKey(labels), text: `${seriesText(name, labelsToRecord(labels))} ${values[i]}` });
    }
  }
  const names = [...families.keys()].sort();
  return names.map((name) => familyText(name, families.get(name)!)).join('');
}

/** A histogram or summary is announced without the suffixes its series have. */
function familyOf(name: string, type: string): string {
  if (type === 'histogram') return name.replace(/_(bucket|sum|count)$/, '');
  return type === 'summary' ? name.replace(/_(sum|count)$/, '') : name;
}

function familyText(name: string, { type, help, lines }: Family): string {
  lines.sort((a, b) => (a.key < b.key ? -1 : 1));
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n${lines.map(({ text }) => `${text}\n`).join('')}`;
}

function seriesText(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).filter(([label]) => label !== METRIC_NAME);
  if (pairs.length === 0) return name;
  return `${name}{${pairs.map(([label, value]) => `${label}="${escapeValue(value)}"`).join(',')}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
