/**
 * What a window says of one feature to the alert of that feature: drift, calm (the effect is far below the threshold), between the two,
 * or too few rows.
 */
export type Verdict = 'D' | 'C' | 'B' | 'I';

/** An effect below this share of the threshold is calm: at the threshold itself verdicts flip by sampling alone. */
export const CALM_SHARE = 0.8;

/**
 * After so many windows in a row with too few rows nobody can say any more whether an alert holds, and it is dropped. Else one that was
 * raised before over-dispersion was known would stand for ever where that has made all windows too small.
 */
export const MOST_SILENT = 30;

/** The alert of one feature after a window. */
interface Alert {
  readonly stands: boolean;
  /** The last verdicts that were not `I`, three at most, newest last. */
  readonly recent: string;
  /** Windows with too few rows since. */
  readonly silent: number;
}

const NONE: Alert = { stands: false, recent: '', silent: 0 };

/** What is known of alerts, as plain values: by start of the window, the verdict on each feature, and the alerts after it. */
export type HysteresisState = readonly (readonly [number, string, readonly string[]])[];

interface Entry {
  readonly verdicts: string;
  alerts: readonly Alert[];
}

/**
 * Alerts that are raised by drift in two of three windows and cleared by three calm windows in a row, for each feature (a Schmitt trigger
 * with a run rule; Western Electric 1956). Windows with too few rows are passed over: they say neither, unless they go on for long. That an effect is not
 * significant does not clear: fewer rows would, too.
 */
export class Hysteresis {
  /** In order of time. */
  private entries = new Map<number, Entry>();

  /** Which alerts stand after a window with these verdicts, given all windows before it that were concluded. */
  after(startMs: number, verdicts: string): boolean[] {
    return next(this.before(startMs), verdicts).map(({ stands }) => stands);
  }

  /** What verdicts on a window can lead to; where it differs from before, what was published of the window may be wrong. */
  outlook(startMs: number, features: number): string {
    const before = this.before(startMs);
    return ['D', 'C', 'I']
      .map((verdict) =>
        next(before, verdict.repeat(features))
          .map(({ stands }) => (stands ? '!' : '-'))
          .join(''),
      )
      .join();
  }

  /** Remembers the verdicts on a final window, or changes them. */
  conclude(startMs: number, verdicts: string): void {
    const isNew = !this.entries.has(startMs);
    let alerts = next(this.before(startMs), verdicts);
    this.entries.set(startMs, { verdicts, alerts });
    if (isNew) this.entries = new Map([...this.entries].sort(([a], [b]) => a - b));
    for (const [start, entry] of this.entries) {
      if (start <= startMs) continue;
      alerts = next(alerts, entry.verdicts);
      entry.alerts = alerts;
    }
  }

  /** Forgets windows that nothing will change any more; the newest before `startMs` is what later ones go on from. */
  forgetBefore(startMs: number): void {
    const old = [...this.entries.keys()].filter((start) => start < startMs);
    for (const start of old.slice(0, -1)) this.entries.delete(start);
  }

  /** What it knows, as plain values. */
  save(): HysteresisState {
    return [...this.entries].map(([start, { verdicts, alerts }]) => [
      start,
      verdicts,
      alerts.map((a) => `${a.stands ? '!' : '-'}${a.recent}${a.silent}`),
    ]);
  }

  /** Goes on from what `save` gave. */
  restore(state: HysteresisState): void {
    for (const [start, verdicts, texts] of state) {
      const alerts = texts.map((text) => {
        const [, mark, recent, silent] = /^(.)(\D*)(\d+)$/u.exec(text)!;
        return { stands: mark === '!', recent: recent!, silent: Number(silent) };
      });
      this.entries.set(start, { verdicts, alerts });
    }
  }

  private before(startMs: number): readonly Alert[] {
    let found: readonly Alert[] = [];
    for (const [start, { alerts }] of this.entries) {
      if (start >= startMs) break;
      found = alerts;
    }
    return found;
  }
}

function next(alerts: readonly Alert[], verdicts: string): Alert[] {
  return Array.from(verdicts, (verdict, i) => {
    const alert = alerts[i] ?? NONE;
    if (verdict === 'I') {
      const silent = Math.min(MOST_SILENT, alert.silent + 1);
      return silent < MOST_SILENT ? { ...alert, silent } : { ...NONE, silent };
    }
    const recent = (alert.recent + verdict).slice(-3);
    return { recent, silent: 0, stands: alert.stands ? recent !== 'CCC' : recent.split('D').length > 2 };
  });
}
