import { type Labels, labelsFrom, labelValue, METRIC_NAME, type MetricType, type Millis, type SeriesMeta } from '@bellwether/shared';
import type { GroupRef, Store } from './store/index.ts';

/** How often the collector stores its own metrics. */
export const SELF_INTERVAL_MS = 10_000;

interface SelfMetric {
  readonly meta: SeriesMeta;
  readonly read: () => number;
}

/** The collector's own metrics: `bellwether_*` with job="bellwether", stored like any other and served on /metrics. */
export class SelfMetrics {
  readonly #metrics: SelfMetric[] = [];
  #group: GroupRef | undefined;

  /** `read` is called at every collection and must be cheap. */
  add(name: string, type: MetricType, help: string, read: () => number, labels: Readonly<Record<string, string>> = {}): void {
    this.#metrics.push({
      meta: { labels: labelsFrom({ ...labels, __name__: name, job: 'bellwether', instance: 'collector' }), type, help },
      read,
    });
    this.#group = undefined;
  }

  store(store: Pick<Store, 'openGroup' | 'append'>, timeMs: Millis): void {
    this.#group ??= store.openGroup(
      'collector/self',
      this.#metrics.map(({ meta }) => meta),
    );
    store.append(this.#group, { timeMs, presence: null, values: Float64Array.from(this.#metrics, ({ read }) => read()) });
  }

  /** Prometheus text format 0.0.4, families in the order they were added, without the labels a scraper sets itself. */
  text(): string {
    const families = new Map<string, string[]>();
    for (const { meta, read } of this.#metrics) {
      const name = labelValue(meta.labels, METRIC_NAME);
      let lines = families.get(name);
      if (lines === undefined) {
        lines = [`# HELP ${name} ${meta.help}`, `# TYPE ${name} ${meta.type}`];
        families.set(name, lines);
      }
      lines.push(`${name}${ownLabels(meta.labels)} ${read()}`);
    }
    return `${[...families.values()].flat().join('\n')}\n`;
  }
}

function ownLabels(labels: Labels): string {
  const parts: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const name = labels[i]!;
    if (name !== METRIC_NAME && name !== 'job' && name !== 'instance') parts.push(`${name}=${JSON.stringify(labels[i + 1])}`);
  }
  return parts.length > 0 ? `{${parts.join(',')}}` : '';
}
