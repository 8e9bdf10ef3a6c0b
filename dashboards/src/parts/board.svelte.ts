import type { GapView, LiveMessage } from '@bellwether/shared/api';
import type { Millis } from '@bellwether/shared/time';
import type { App } from '../app.svelte.ts';
import { ApiError, isAbort } from '../client.ts';
import { PanelData } from '../core/panel-data.ts';
import { bounds, movedPixel, stepFor, type TimeRange } from '../core/range.ts';
import { HOST_PANELS, type Panel, panelQuery, seriesOrder } from '../panels.ts';

type PointsMessage = Extract<LiveMessage, { type: 'points' }>;

/** A typical plot, for the one-pixel rule before the real width is known. */
const USUAL_WIDTH_PX = 480;

/** One chart's data as it is loaded and grows. */
export class PanelState {
  readonly panel: Panel;
  data = $state.raw(new PanelData(1_000, 60_000));
  /** Grows when the chart would look different. */
  version = $state(0);
  /** Newest values in the panel's order; the number in the head moves every second, the line only by whole pixels. */
  newest = $state.raw<(number | null)[]>([]);
  loading = $state(true);
  failure = $state('');
  widthPx = USUAL_WIDTH_PX;
  drawnMs: Millis = Number.NaN;

  constructor(panel: Panel) {
    this.panel = panel;
  }

  changed(): void {
    const order = seriesOrder(this.panel, this.data.series);
    const newest = this.data.newest();
    this.newest = order.map((i) => newest[i] ?? null);
  }
}

/** The charts of one host on one time axis: loads history, follows the live points, shares cursor and range. */
export class Board {
  readonly panels = HOST_PANELS.map((panel) => new PanelState(panel));
  range = $state.raw<TimeRange>({ kind: 'live', spanMs: 0 });
  /** Right end of the axis, ms. */
  endMs = $state(0);
  /** Time under the cursor of any chart; NaN when there is none. */
  cursorMs = $state(Number.NaN);
  gaps = $state.raw<GapView[]>([]);

  readonly #app: App;
  readonly #hostId: string;
  readonly #hostName: string;

  constructor(app: App, hostId: string, hostName: string) {
    this.#app = app;
    this.#hostId = hostId;
    this.#hostName = hostName;
  }

  get startMs(): Millis {
    return this.range.kind === 'live' ? this.endMs - this.range.spanMs : this.range.fromMs;
  }

  /** Shows `range`; the returned function gives up what is still under way. */
  show(range: TimeRange): () => void {
    const { fromMs, toMs } = bounds(range, this.#app.nowMs);
    const stepMs = stepFor(toMs - fromMs);
    this.range = range;
    this.endMs = toMs;
    const request = new AbortController();
    const queries = this.panels.map(({ panel }) => ({ id: panel.id, query: panelQuery(panel, this.#hostName, stepMs) }));
    // On the grid of the step, so that the same minute is asked for by the same address and old points do not wobble.
    const startMs = Math.floor(fromMs / stepMs) * stepMs;
    for (const [i, state] of this.panels.entries()) {
      state.loading = true;
      this.#app.client
        .chart({ query: queries[i]!.query, startMs, endMs: toMs, stepMs }, request.signal)
        .then((chart) => {
          const data = new PanelData(stepMs, toMs - startMs);
          data.load(chart);
          state.data = data;
          state.failure = '';
          state.loading = false;
          this.#draw(state);
          state.changed();
        })
        .catch((error: unknown) => {
          if (isAbort(error)) return;
          if (!(error instanceof ApiError)) throw error;
          state.failure = error.message;
          state.loading = false;
        });
    }
    this.#app.live.request({
      type: 'panels',
      host: range.kind === 'live' ? this.#hostId : null,
      panels: range.kind === 'live' ? queries : [],
    });
    return () => request.abort();
  }

  stop(): void {
    this.#app.live.request({ type: 'panels', host: null, panels: [] });
  }

  receive(message: PointsMessage): void {
    if (this.range.kind !== 'live' || message.timeMs <= this.endMs - 1_000) return;
    const byId = new Map(message.panels.map((panel) => [panel.id, panel.series]));
    this.endMs = Math.max(this.endMs, message.timeMs);
    for (const state of this.panels) {
      const points = byId.get(state.panel.id);
      if (points === undefined || state.loading) continue;
      state.data.append(message.timeMs, points);
      state.changed();
      if (movedPixel(state.drawnMs, this.endMs, this.range.spanMs, state.widthPx)) this.#draw(state);
    }
  }

  #draw(state: PanelState): void {
    state.drawnMs = this.endMs;
    state.version++;
  }
}
