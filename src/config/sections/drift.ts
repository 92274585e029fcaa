import { z } from 'zod';
import { REFERENCE_KINDS } from '../../core/reference-kinds.ts';
import { count, duration, previousWindow, topic, topicConfig, windowSize } from '../scalars.ts';

/** `drift`: how live data is compared with the reference profile of the model package. */
export const driftSection = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Count rows and publish drift statistics. Needs a reference profile in the model package.'),
    profilesTopic: topic().exactOptional().describe('Topic with the counts of each worker; default: <name>.drift-profiles.'),
    statisticsTopic: topic().exactOptional().describe('Topic with the statistics per window; default: <name>.drift-statistics.'),
    countsTopic: topic()
      .exactOptional()
      .describe('Topic with the counts that the statistics are computed from; default: <name>.drift-counts.'),
    stateTopic: topic().exactOptional().describe('Topic in which the merger keeps its state, internal; default: <name>.drift-state.'),
    profilesTopicConfig: topicConfig(),
    statisticsTopicConfig: topicConfig(),
    countsTopicConfig: topicConfig(),
    stateTopicConfig: topicConfig(),
    windows: z
      .array(windowSize())
      .min(1)
      .max(6)
      .prefault(['1h', '24h'])
      .describe(
        'Sizes of the windows of event time, each published on its own: durations such as 5m, 1h, 28d, or month (of the calendar, UTC), multiples of the pane; or a number of rows such as 50000 rows, which ends a window at the end of a pane.',
      ),
    paneMs: duration(1)
      .exactOptional()
      .describe(
        'Length of the pieces that windows by a number of rows are cut at, and others that do not divide each other are added up from; default 1m.',
      ),
    pane: duration(1).exactOptional().describe('The same as paneMs, under a name that reads well with a unit.'),
    flushIntervalMs: duration(1).prefault(1_000).describe('How often a worker publishes its counts.'),
    outOfOrderMs: duration(0)
      .prefault(30_000)
      .describe('How far event times may run backwards within a partition before they hold up nothing more.'),
    latenessMs: duration(0).prefault(120_000).describe('How long a window stays open after the watermark has passed its end.'),
    idleMs: duration(1_000)
      .prefault(60_000)
      .describe('An input partition that was read to its end and brings nothing for so long holds no window open.'),
    closeAfterMs: duration(1_000)
      .prefault(600_000)
      .describe(
        'Windows are closed without an input partition that has brought nothing for so long although there is more to read; coverage says so.',
      ),
    reviseMs: duration(0)
      .prefault(86_400_000)
      .describe('How long after its end, in event time, late rows still change a window. Later ones are counted as dropped.'),
    thresholds: z
      .strictObject({
        tvd: z
          .number()
          .gt(0)
          .max(1)
          .default(0.1)
          .describe('Total variation distance on 16 bins: the share of the distribution that moved.'),
        psi: z.number().gt(0).default(0.2).describe('Population stability index.'),
      })
      .prefault({})
      .describe('Effect sizes from which a significant change is drift.'),
    expectedRunTimeDays: z
      .number()
      .gt(0)
      .default(30)
      .describe('Mean time between false alarms when nothing drifts; the significance level follows from it.'),
    minSamples: count().default(1_000).describe('Rows below which a window says INSUFFICIENT_DATA.'),
    reference: z
      .enum(REFERENCE_KINDS)
      .default('training')
      .describe(
        'Which comparison decides on status, alerts and requests to train again: with the reference profile of the model package (training), with windows that were found healthy (pinned), or with an earlier window of the same size (previous). All that there are are measured and published.',
      ),
    previous: previousWindow()
      .prefault(1)
      .describe(
        'The earlier window: so many windows before (1: directly before; 0: no comparison), or a duration such as 7d, for windows shorter than that; longer ones are compared with the one directly before.',
      ),
    pinned: z
      .string()
      .min(1)
      .exactOptional()
      .describe('File of windows that were found healthy, which weir profile pin writes; relative to this file.'),
    retrain: z
      .strictObject({
        enabled: z.boolean().default(true).describe('Ask for the model to be trained again when drift persists.'),
        topic: topic().exactOptional().describe('Topic of the requests; default: <name>.retrain-requests.'),
        topicConfig: topicConfig(),
        window: windowSize().exactOptional().describe('Size of the windows that decide, one of drift.windows; default: the longest.'),
        cooldownMs: duration(0).prefault('7d').describe('After a request there is no other for so long, in event time.'),
        minSamples: count().exactOptional().describe('Rows that the window must have; default: drift.minSamples.'),
      })
      .prefault({})
      .describe('Requests to train the model again (weir.v1.RetrainRequest). weir never trains by itself.'),
    overDispersion: z
      .number()
      .min(1)
      .default(1)
      .describe(
        'How many rows share a value, about: the least over-dispersion that is reckoned with. More is estimated from 30 windows on.',
      ),
  })
  .prefault({})
  .describe('Drift of the columns and of the score against the reference profile.');
