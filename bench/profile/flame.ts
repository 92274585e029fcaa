/** A CPU profile of V8 (`node --cpu-prof`) as an icicle graph: callers above, callees below, width is time. One SVG file, no script. */

/** What is used of a `.cpuprofile` (Chrome DevTools Protocol, Profiler.Profile). */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Functions of one name called from the same place. */
interface Frame {
  readonly name: string;
  readonly kind: Kind;
  micros: number;
  readonly callees: Map<string, Frame>;
}

const KINDS = {
  weir: ['weir', '#c2410c'],
  library: ['kafkajs, ioredis and others', '#0f766e'],
  native: ['native code called from JavaScript', '#4d7c0f'],
  node: ['Node.js', '#1d4ed8'],
  engine: ['V8: garbage collection, program', '#6b7280'],
} as const;
type Kind = keyof typeof KINDS;

const WIDTH = 1_200;
const ROW = 18;
const TOP = 60;
const MAX_DEPTH = 40;
/** Narrower frames are left out, pixels. */
const LEAST_WIDTH = 1.5;
const CHARACTER = 6.2;

/** Share of samples at the beginning that are start and warm-up. */
export interface FlameOptions {
  readonly title: string;
  readonly skipShare: number;
}

/** Renders the busy time of the main thread. */
export function flameSvg(profile: CpuProfile, { title, skipShare }: FlameOptions): string {
  const root = callTree(profile, skipShare);
  const rects: string[] = [];
  const scale = WIDTH / root.micros;
  let depth = 0;
  const draw = (frame: Frame, x: number, level: number): void => {
    const width = frame.micros * scale;
    if (width < LEAST_WIDTH || level > MAX_DEPTH) return;
    depth = Math.max(depth, level);
    const share = `${((100 * frame.micros) / root.micros).toFixed(1)} %`;
    const room = Math.floor((width - 6) / CHARACTER);
    const label = room < 4 ? '' : frame.name.length <= room ? frame.name : `${frame.name.slice(0, room - 1)}…`;
    const y = TOP + level * ROW;
    rects.push(
      `<g><title>${escaped(frame.name)} ${share}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${KINDS[frame.kind][1]}"/>` +
        (label ? `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>` : '') +
        '</g>',
    );
    let at = x;
    for (const callee of [...frame.callees.values()].sort((a, b) => b.micros - a.micros)) {
      draw(callee, at, level + 1);
      at += callee.micros * scale;
    }
  };
  draw(root, 0, 0);
  const legend = Object.values(KINDS)
    .map(
      ([name, colour], i) =>
        `<rect x="${i * 230}" y="30" width="12" height="12" fill="${colour}"/><text class="legend" x="${i * 230 + 17}" y="41">${name}</text>`,
    )
    .join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${TOP + (depth + 1) * ROW}" role="img" aria-label="${escaped(title)}">
<style>text{font:11px ui-monospace,monospace;fill:#fff}.legend,.title{fill:#111;font-family:system-ui,sans-serif}.title{font-size:15px}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text class="title" x="0" y="18">${escaped(title)}</text>
${legend}
${rects.join('\n')}
</svg>
`;
}

/** Microseconds of busy time by function itself, most first. */
export function selfTimes(profile: CpuProfile, skipShare: number): { name: string; micros: number }[] {
  const byName = new Map<string, number>();
  const collect = (frame: Frame): void => {
    let own = frame.micros;
    for (const callee of frame.callees.values()) {
      own -= callee.micros;
      collect(callee);
    }
    byName.set(frame.name, (byName.get(frame.name) ?? 0) + own);
  };
  collect(callTree(profile, skipShare));
  return Array.from(byName, ([name, micros]) => ({ name, micros })).sort((a, b) => b.micros - a.micros);
}

function callTree(profile: CpuProfile, skipShare: number): Frame {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of profile.nodes) for (const child of children ?? []) parents.set(child, id);
  const root: Frame = { name: 'busy time of the main thread', kind: 'engine', micros: 0, callees: new Map() };
  for (let i = Math.floor(profile.samples.length * skipShare); i < profile.samples.length; i++) {
    const micros = profile.timeDeltas[i]!;
    const path: number[] = [];
    for (let id: number | undefined = profile.samples[i]!; id !== undefined; id = parents.get(id)) path.push(id);
    if (byId.get(path[0]!)!.callFrame.functionName === '(idle)') continue;
    let frame = root;
    root.micros += micros;
    for (const id of path.reverse().slice(1)) {
      const { functionName, url } = byId.get(id)!.callFrame;
      const file = url.split('/').at(-1) ?? '';
      const name = `${functionName || 'anonymous'}${file ? ` ${file}` : ''}`;
      let callee = frame.callees.get(name);
      if (!callee) frame.callees.set(name, (callee = { name, kind: kindOf(functionName, url), micros: 0, callees: new Map() }));
      callee.micros += micros;
      frame = callee;
    }
  }
  return root;
}

function kindOf(functionName: string, url: string): Kind {
  if (functionName.startsWith('(')) return 'engine';
  if (url === '') return 'native';
  if (url.startsWith('node:')) return 'node';
  return url.includes('/node_modules/') ? 'library' : 'weir';
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
