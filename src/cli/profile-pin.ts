import { dirname, join, resolve } from 'node:path';
import { pinWindows } from '../app/profile-pin.ts';
import { readReferenceFile, referencePath, writePinned } from '../app/reference-file.ts';
import { driftQuery } from './drift-query.ts';
import { EXIT_CODES } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { numberText, safeText, timeText } from './text.ts';

/** Options of `weir profile pin`. */
export interface ProfilePinOptions {
  readonly config: string;
  /** Milliseconds since the epoch, in event time. */
  readonly from: number;
  readonly to: number;
  /** Name of a size of windows. */
  readonly window?: string;
  readonly topic?: string;
  readonly out?: string;
}

/** `weir profile pin`: writes the counts of healthy windows. @throws WeirError */
export async function profilePinCommand(options: ProfilePinOptions, terminal: Terminal): Promise<number> {
  const query = driftQuery(options, terminal);
  const referenceFile = await referencePath(query.config);
  const target = options.out === undefined ? join(dirname(referenceFile), 'pinned.json') : resolve(options.out);
  const { pinned, drifted, withoutCounts } = await pinWindows(await readReferenceFile(referenceFile), query);
  await writePinned(target, pinned);
  const { style } = terminal;
  const { windows, window, rows, from, to } = pinned;
  terminal.out(
    `${style.good('✓')} ${target}: ${numberText(rows)} rows of ${numberText(windows)} windows of ${safeText(window)}, from ${timeText(from)} to ${timeText(to)}`,
  );
  if (drifted > 0) terminal.out(`${style.warn('!')} ${numberText(drifted)} of these windows were in drift: are they healthy?`);
  if (withoutCounts > 0)
    terminal.out(`${style.warn('!')} ${numberText(withoutCounts)} windows between these times have no counts any more, and are not in it`);
  if (query.config.drift.pinned !== target) terminal.out(`Add to weir.yaml: drift: {pinned: ${target}}; workers read it when they start.`);
  return EXIT_CODES.ok;
}
