import type { GapView } from '@bellwether/shared/api';
import type { Millis } from '@bellwether/shared/time';
import uPlot from 'uplot';
import { stack } from '../core/chart-text.ts';
import { formatTick, type TimeFormat } from '../core/format.ts';
import type { Columns } from '../core/panel-data.ts';
import type { Panel } from '../panels.ts';

export interface PlotOptions {
  target: HTMLElement;
  panel: Panel;
  /** How many series; a plot is made anew when this changes. */
  seriesCount: number;
  times: TimeFormat;
  width: number;
  height: number;
  /** Row of the columns under the cursor, or null. */
  onCursor: (row: number | null) => void;
  onZoom: (fromMs: Millis, toMs: Millis) => void;
}

export interface PlotFrame {
  columns: Columns;
  fromMs: Millis;
  toMs: Millis;
  gaps: readonly GapView[];
}

const SYNC_KEY = 'host';
const SERIES_COLOURS = 8;
const FONT = '11px system-ui, sans-serif';
/** From the fifth series on the line is dashed, so that hue is never the only difference. */
const DASHES = [[], [], [], [], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]] as const;

/** A uPlot chart in the page's colours. All DOM and canvas work of a chart is here. */
export class Plot {
  readonly #plot: uPlot;
  readonly #options: PlotOptions;
  #frame: PlotFrame = { columns: [[]], fromMs: 0, toMs: 1, gaps: [] };

  constructor(options: PlotOptions) {
    this.#options = options;
    this.#plot = new uPlot(
      this.#config(),
      [[], ...Array.from({ length: options.seriesCount }, () => [])] as uPlot.AlignedData,
      options.target,
    );
  }

  draw(frame: PlotFrame): void {
    this.#frame = frame;
    const data = this.#options.panel.draw === 'stack' ? stack(frame.columns) : frame.columns;
    this.#plot.batch(() => {
      this.#plot.setData(data as uPlot.AlignedData, false);
      this.#plot.setScale('x', { min: frame.fromMs, max: frame.toMs });
    });
  }

  resize(width: number, height: number): void {
    this.#plot.setSize({ width, height });
  }

  /** Width of the plotting area in CSS pixels. */
  get widthPx(): number {
    return this.#plot.bbox.width / uPlot.pxRatio;
  }

  /** Puts the cursor on a time (NaN: takes it away) without telling anyone. */
  setCursor(timeMs: Millis): void {
    const left = Number.isNaN(timeMs) ? -10 : this.#plot.valToPos(timeMs, 'x');
    this.#plot.setCursor({ left, top: left < 0 ? -10 : this.#plot.over.clientHeight / 2 }, false);
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #config(): uPlot.Options {
    const { panel, seriesCount, times, width, height, onCursor, onZoom } = this.#options;
    const colour = (name: string) => resolvedColour(this.#options.target, name);
    const axis: uPlot.Axis = {
      stroke: colour('--axis'),
      font: FONT,
      grid: { stroke: colour('--grid'), width: 1 },
      ticks: { show: false },
      gap: 6,
    };
    const stacked = panel.draw === 'stack';
    const series = Array.from({ length: seriesCount }, (_, i): uPlot.Series => {
      const stroke = colour(`--series-${(i % SERIES_COLOURS) + 1}`);
      return {
        stroke,
        width: 1,
        fill: stacked ? withAlpha(stroke, 0.55) : seriesCount === 1 ? withAlpha(stroke, 0.12) : undefined,
        dash: stacked ? undefined : [...DASHES[i % SERIES_COLOURS]!],
        points: { show: false },
        spanGaps: false,
      };
    });
    return {
      width,
      height,
      ms: 1,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      scales: {
        x: { time: true },
        y: { range: (_plot, _min, max) => [0, topOf(panel, max)] },
      },
      axes: [
        {
          ...axis,
          size: 24,
          space: 64,
          values: (_plot, splits, _axis, _space, incrementMs) => splits.map((timeMs) => times.tick(timeMs, incrementMs)),
        },
        {
          ...axis,
          size: 62,
          space: 28,
          values: (_plot, splits, _axis, _space, increment) => splits.map((value) => formatTick(value, increment, panel.unit)),
        },
      ],
      series: [{}, ...series],
      // Of each pair of neighbours the space between is filled with the upper one's colour.
      bands: stacked ? series.slice(1).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) : [],
      cursor: {
        y: false,
        sync: { key: SYNC_KEY },
        drag: { x: true, y: false, setScale: false },
        points: { size: 5 },
      },
      hooks: {
        drawClear: [(plot) => this.#hatch(plot, colour('--hatch'))],
        setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
        setSelect: [
          (plot) => {
            if (plot.select.width < 4) return;
            onZoom(plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x'));
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    };
  }

  /** Diagonal lines where nothing was measured. */
  #hatch(plot: uPlot, stroke: string): void {
    const { ctx, bbox } = plot;
    for (const { fromMs, toMs } of this.#frame.gaps) {
      const left = Math.max(bbox.left, plot.valToPos(fromMs, 'x', true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(toMs ?? this.#frame.toMs, 'x', true));
      if (right - left < 1) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, right - left, bbox.height);
      ctx.clip();
      ctx.strokeStyle = stroke;
      ctx.lineWidth = uPlot.pxRatio;
      ctx.beginPath();
      for (let x = left - bbox.height; x < right; x += 8 * uPlot.pxRatio) {
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
  }
}

function topOf(panel: Panel, max: number | null): number {
  const least = panel.topAtLeast ?? 0;
  const highest = max ?? 0;
  // A ratio a hair above its whole is a rounding error of two clocks, not a reason for another scale.
  if (highest <= least * 1.02) return least > 0 ? least : panel.unit === 'number' ? 1 : 1_000;
  return highest * 1.1;
}

/** A custom property as the colour it stands for in the present theme; a canvas cannot read `light-dark()`. */
function resolvedColour(near: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  near.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function withAlpha(colour: string, alpha: number): string {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`);
}
