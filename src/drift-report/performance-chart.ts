import type { ExportedWindow } from '../drift/exported-window.ts';
import { LOSSES } from '../drift/performance/verdict.ts';
import { judgedError, judgedValue } from '../drift/performance/verdict-text.ts';
import { type Scale, scaleOf, ticksOf } from './axis.ts';
import { html, type Html } from './html.ts';
import type { ArmSeries } from './performance-series.ts';
import { measureName } from './performance-text.ts';
import { countOf, countText, minuteText, shortNumber, windowText } from './text.ts';

/** Sizes of the drawing, in its own units; about a pixel on a phone. */
const WIDTH = 330;
const HEIGHT = 200;
const LEFT = 48;
const RIGHT = WIDTH - 8;
const TOP = 18;
const BOTTOM = HEIGHT - 24;
/** Half the width of the word above a window that fell. */
const WORD = 12;

/** A window as it is drawn; null: not known. */
interface Point {
  readonly startMs: number;
  readonly endMs: number;
  readonly realised: number | null;
  readonly estimated: number | null;
  readonly reference: number | null;
  /** What the verdict is about, and how far chance reaches on either side of it. */
  readonly judged: number | null;
  readonly error: number | null;
  readonly isByLabels: boolean;
  readonly hasFallen: boolean;
}

/** What a chart is called, for a screen reader. */
export interface ChartOptions {
  /** Not used for anything else on the page. */
  readonly id: string;
  readonly title: string;
}

/** The measure of the verdict over time: from labels, estimated, and of the reference. Windows of which a value is not known are gaps in its line. */
export function performanceChart(windows: readonly ExportedWindow[], series: ArmSeries, { id, title }: ChartOptions): Html {
  const points = windows.map((window, i) => pointOf(window, series, i));
  const values = points.flatMap(({ realised, estimated, reference }) => [realised, estimated, reference]).filter((value) => value !== null);
  if (values.length === 0) return html`<p>${measureName(series.metric)} is not known of any of these windows.</p>`;
  const bands = points.flatMap((point) => bandOf(point, series.metric) ?? []);
  const ticks = ticksOf(Math.min(...values, ...bands), Math.max(...values, ...bands));
  const x = scaleOf(windows[0]!.windowStart, windows.at(-1)!.windowEnd, LEFT, RIGHT);
  const y = scaleOf(ticks[0]!, ticks.at(-1)!, BOTTOM, TOP);
  return html`<svg role="img" aria-labelledby="${id}-title ${id}-desc" viewBox="0 0 ${WIDTH} ${HEIGHT}"><title id="${id}-title">${title}</title><desc id="${id}-desc">${descriptionOf(windows, series, points)} All numbers are in the table that follows.</desc>
${ticks.map((tick) => html`<path class="grid" d="M${LEFT} ${y(tick)}H${RIGHT}"/><text class="label" x="${LEFT - 5}" y="${y(tick) + 4}">${shortNumber(tick)}</text>`)}
<text x="${LEFT}" y="${HEIGHT - 8}">${minuteText(windows[0]!.windowStart)}</text><text class="label" x="${RIGHT}" y="${HEIGHT - 8}">${minuteText(windows.at(-1)!.windowEnd)}</text>
${points.map((point) => band(point, series.metric, x, y))}
<path class="reference-line" d="${steps(points, x, y)}"/><path class="estimated-line" d="${line(points, 'estimated', x, y)}"/><path class="current-line" d="${line(points, 'realised', x, y)}"/>
${points.map((point) => mark(point, x, y))}${words(points, LOSSES.has(series.metric), x, y)}</svg>`;
}

function pointOf({ windowStart, windowEnd }: ExportedWindow, { metric, points }: ArmSeries, i: number): Point {
  const of = points[i];
  const place = { startMs: windowStart, endMs: windowEnd };
  if (!of)
    return {
      ...place,
      ...{ realised: null, estimated: null, reference: null, judged: null, error: null },
      isByLabels: false,
      hasFallen: false,
    };
  const value = (measures: typeof of.realised): number | null => measures?.[metric] ?? null;
  const isMeant = of.metric === metric;
  return {
    ...place,
    ...{ realised: value(of.realised), estimated: value(of.estimated), reference: value(of.reference) },
    ...{ judged: isMeant ? judgedValue(of) : null, error: isMeant ? judgedError(of) : null },
    ...{ isByLabels: isMeant && of.dropBasis === 'LABELS', hasFallen: isMeant && of.status === 'FELL' },
  };
}

/** From where to where chance reaches, within what the measure can be. */
function bandOf({ judged, error }: Point, metric: ArmSeries['metric']): [number, number] | undefined {
  if (judged === null || error === null) return undefined;
  return [Math.max(0, judged - 3 * error), Math.min(LOSSES.has(metric) ? Number.POSITIVE_INFINITY : 1, judged + 3 * error)];
}

function band(point: Point, metric: ArmSeries['metric'], x: Scale, y: Scale): Html | undefined {
  const of = bandOf(point, metric);
  if (!of) return undefined;
  const [left, right, bottom, top] = [x(point.startMs), x(point.endMs), y(of[0]), y(of[1])];
  return html`<rect class="band${point.isByLabels ? '' : ' estimate'}" x="${left}" y="${top}" width="${(right - left).toFixed(1)}" height="${(bottom - top).toFixed(1)}"/>`;
}

function middle(x: Scale, { startMs, endMs }: Point): number {
  return x((startMs + endMs) / 2);
}

/** A line through the middle of windows that follow one another. */
function line(points: readonly Point[], side: 'realised' | 'estimated', x: Scale, y: Scale): string {
  let before: Point | undefined;
  let path = '';
  for (const point of points) {
    const value = point[side];
    if (value !== null) path += `${before?.endMs === point.startMs && before[side] !== null ? 'L' : 'M'}${middle(x, point)} ${y(value)}`;
    before = point;
  }
  return path || 'M0 0';
}

/** The reference holds over gaps, too: a level line from the first window with it to the last. */
function steps(points: readonly Point[], x: Scale, y: Scale): string {
  let path = '';
  let level: number | undefined;
  for (const { reference, startMs, endMs } of points) {
    if (reference === null) continue;
    path += reference === level ? `H${x(endMs)}` : `M${x(startMs)} ${y(reference)}H${x(endMs)}`;
    level = reference;
  }
  return path || 'M0 0';
}

/** A triangle where performance fell, a dot where labels say that it did not, a ring where they are too few to say. */
function mark(point: Point, x: Scale, y: Scale): Html | undefined {
  const { realised, judged, isByLabels, hasFallen } = point;
  const at = middle(x, point);
  const ring = realised !== null && !isByLabels ? html`<circle class="point scarce" cx="${at}" cy="${y(realised)}" r="2.2"/>` : undefined;
  if (judged === null || !(isByLabels || hasFallen)) return ring;
  const top = y(judged);
  if (!hasFallen) return html`<circle class="point" cx="${at}" cy="${top}" r="2.6"/>`;
  return html`${ring}<path class="point fell${isByLabels ? '' : ' scarce'}" d="M${(at - 5).toFixed(1)} ${(top - 4).toFixed(1)}h10l-5 9z"/>`;
}

/** Says it in a word, once for windows that follow one another: at the worst of them, on the side where the line is not. */
function words(points: readonly Point[], isLoss: boolean, x: Scale, y: Scale): Html[] {
  const worst: Point[] = [];
  for (const [i, point] of points.entries()) {
    if (!point.hasFallen || point.judged === null) continue;
    const last = worst.at(-1);
    const follows = last !== undefined && points[i - 1]!.hasFallen;
    if (!follows) worst.push(point);
    else if (point.judged > last.judged! === isLoss) worst[worst.length - 1] = point;
  }
  return worst.map((point) => {
    const at = Math.min(RIGHT - WORD, Math.max(LEFT + WORD, middle(x, point)));
    return html`<text class="middle" x="${at}" y="${isLoss ? Math.max(11, y(point.judged!) - 8) : y(point.judged!) + 17}">fell</text>`;
  });
}

function descriptionOf(windows: readonly ExportedWindow[], { metric }: ArmSeries, points: readonly Point[]): string {
  const labelled = points.filter(({ realised }) => realised !== null);
  const estimated = points.filter((point) => point.estimated !== null);
  const reference = points.findLast((point) => point.reference !== null)?.reference ?? null;
  const fell = windows.filter((_, i) => points[i]!.hasFallen);
  const ends = (of: readonly Point[], side: 'realised' | 'estimated'): string =>
    `at first ${shortNumber(of[0]![side])}, at last ${shortNumber(of.at(-1)![side])}`;
  return [
    `${measureName(metric)} from labels in ${countText(labelled.length)} of ${countOf(points.length, 'window')}${labelled.length > 0 ? `: ${ends(labelled, 'realised')}` : ''}.`,
    ...(estimated.length > 0 ? [`Estimated without labels: ${ends(estimated, 'estimated')}.`] : []),
    ...(reference === null ? [] : [`In the reference ${shortNumber(reference)}.`]),
    fell.length === 0
      ? 'It did not fall in any window.'
      : `It fell in ${countOf(fell.length, 'window')}, the newest of which is ${windowText(fell.at(-1)!)}.`,
  ].join(' ');
}
