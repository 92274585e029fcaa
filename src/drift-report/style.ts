/** A colour, and the colour of text on it. */
interface Ground {
  readonly background: string;
  readonly text: string;
}

/** Colours of a theme. */
export interface Theme {
  readonly page: Ground;
  readonly muted: string;
  /** Lines that one must see: around tables and cells. */
  readonly line: string;
  readonly focus: string;
  /** Bars of the reference and of a window. */
  readonly reference: string;
  readonly current: string;
  /** Text that says drift or warning. */
  readonly drift: string;
  readonly warn: string;
  /** From not moved to all moved, blue to orange: told apart with every kind of colour blindness. */
  readonly levels: readonly Ground[];
  readonly none: Ground;
}

const INK = '#1a1d21';
const LIGHT_INK = '#f1f3f5';

/** Colours by `prefers-color-scheme`. A test holds their contrast to WCAG AA. */
export const THEMES: Readonly<Record<'light' | 'dark', Theme>> = {
  light: {
    page: { background: '#ffffff', text: INK },
    muted: '#555c66',
    line: '#7d848e',
    focus: '#0b57a4',
    reference: '#2b6cb0',
    current: '#c75000',
    drift: '#a33f00',
    warn: '#7a4a00',
    levels: [
      { background: '#9fc9e8', text: INK },
      { background: '#cfe3f3', text: INK },
      { background: '#f3f3f1', text: INK },
      { background: '#fde0bd', text: INK },
      { background: '#fdb366', text: INK },
      { background: '#ee7d1b', text: INK },
    ],
    none: { background: '#ffffff', text: '#555c66' },
  },
  dark: {
    page: { background: '#14171a', text: LIGHT_INK },
    muted: '#a9b1bb',
    line: '#79818b',
    focus: '#8cc4ff',
    reference: '#6fb1f0',
    current: '#ff9d3c',
    drift: '#ffb066',
    warn: '#f0c38a',
    levels: [
      { background: '#1d4f7c', text: LIGHT_INK },
      { background: '#223c54', text: LIGHT_INK },
      { background: '#2a2e33', text: LIGHT_INK },
      { background: '#583a16', text: LIGHT_INK },
      { background: '#874a05', text: LIGHT_INK },
      { background: '#ff9d3c', text: '#14171a' },
    ],
    none: { background: '#14171a', text: '#a9b1bb' },
  },
};

/** The style sheet. It names no file and no font from elsewhere. */
export function styleSheet(): string {
  return `:root { color-scheme: light dark; ${variables(THEMES.light)} }
@media (prefers-color-scheme: dark) { :root { ${variables(THEMES.dark)} } }
${RULES}`;
}

function variables({ page, none, levels, ...colours }: Theme): string {
  const grounds = { page, 'level-none': none, ...Object.fromEntries(levels.map((level, i) => [`level-${i}`, level])) };
  return [
    ...Object.entries(grounds).flatMap(([name, { background, text }]) => [`--${name}: ${background};`, `--${name}-text: ${text};`]),
    ...Object.entries(colours).map(([name, colour]) => `--${name}: ${colour};`),
  ].join(' ');
}

const LEVEL_RULES = ['none', 0, 1, 2, 3, 4, 5]
  .map((level) => `.level-${level} { background: var(--level-${level}); color: var(--level-${level}-text); }`)
  .join('\n');

const RULES = `* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; background: var(--page); color: var(--page-text); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2, h3, h4, p, li, dd, bdi { overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h4 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .5rem 0; max-width: 46rem; }
a { color: var(--focus); }
.conclusion { font-size: 1.1rem; font-weight: 600; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt, caption, figcaption, footer { color: var(--muted); }
dd { margin: 0; }
.scroll { overflow-x: auto; max-width: 100%; }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
/* Begins at its right end, where the newest window is; what is in it reads from left to right. */
.newest-first { direction: rtl; }
.newest-first table { direction: ltr; margin: 0 auto 0 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .25rem 0; }
th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }
th { font-weight: 600; }
.heat { border-collapse: separate; border-spacing: 0; }
.heat td { text-align: right; white-space: nowrap; }
.heat thead th { font-weight: 400; vertical-align: bottom; white-space: nowrap; }
.heat caption span { display: inline-block; position: sticky; left: 0; max-width: calc(100vw - 3rem); }
.heat tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--page); width: 10rem; min-width: 7rem; max-width: 10rem; font-weight: 600; }
@media (min-width: 50rem) { .heat tr > :first-child { min-width: 14rem; max-width: 20rem; } }
.heat .drift { font-weight: 700; }
.facts th, .facts td { min-width: 5rem; max-width: 24rem; }
.decisions th, .decisions td { min-width: 6rem; max-width: 30rem; }
.decisions td:nth-child(4), .decisions td:nth-child(5), .decisions.performing td:nth-child(6) { min-width: 12rem; }
.performance th:first-child { min-width: 10rem; }
.performance td { white-space: nowrap; }
.performance .why { min-width: 14rem; white-space: normal; }
.decisions ul { margin: 0; padding-left: 1rem; }
.status { white-space: nowrap; }
.status.drift, .status.fell { color: var(--drift); font-weight: 700; }
.status.warn { color: var(--warn); font-weight: 700; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; margin: .5rem 0; padding: 0; font-size: .875rem; }
.swatch, .key { display: inline-block; width: 1.1em; height: 1.1em; margin-right: .35em; vertical-align: -.15em; border: 1px solid var(--line); }
.symbol { font-weight: 700; }
.key.reference { border: 2px solid var(--reference); }
.key.current { border: 0; margin-left: 1rem; background: var(--current); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
figure { margin: .5rem 0; min-width: 0; max-width: 36rem; }
svg { display: block; width: 100%; max-width: 27rem; height: auto; font-size: 12px; }
svg text { fill: var(--page-text); }
svg .label { text-anchor: end; }
svg .value { fill: var(--muted); font-size: 11px; }
/* Hollow against filled: told apart without colours. */
rect.reference { fill: none; stroke: var(--reference); stroke-width: 1.5; }
rect.current { fill: var(--current); }
svg .middle { text-anchor: middle; }
.grid { stroke: var(--line); stroke-opacity: .5; }
.current-line, .estimated-line, .reference-line { fill: none; stroke-width: 1.5; }
.current-line { stroke: var(--current); stroke-width: 2; }
.estimated-line { stroke: var(--muted); stroke-dasharray: 5 3; }
.reference-line { stroke: var(--reference); }
.band { fill: var(--current); fill-opacity: .2; }
.band.estimate { fill: var(--muted); }
.point { fill: var(--current); }
.point.fell { fill: var(--drift); stroke: var(--drift); }
.point.scarce { fill: var(--page); stroke: var(--current); stroke-width: 1.5; }
.seen-through { fill-opacity: .6; stroke: var(--current); }
.stroke { display: inline-block; width: 1.8em; margin-right: .35em; vertical-align: .25em; border-top: 2px solid; }
.stroke.current { border-color: var(--current); }
.stroke.estimated { border-color: var(--muted); border-top-style: dashed; }
.stroke.reference { border-color: var(--reference); }
summary { cursor: pointer; padding: .35rem 0; color: var(--focus); }
footer { margin-top: 3rem; font-size: .875rem; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
/* What is unseen must not make the page wider than it looks. */
td, .scroll { position: relative; }
@media print { .scroll { overflow: visible; } td, .swatch, .key { print-color-adjust: exact; } }
${LEVEL_RULES}
`;
