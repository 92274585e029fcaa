/** All rows of the chaos table. */
import type { Scenario } from '../scenario.ts';
import { brokenWorkers } from './broken.ts';
import { brokerRestart, clusterFailover, coordinatorCut } from './brokers.ts';
import { inputCompacted, inputDeleted, inputPartitionsAdded, inputTransactions, inputTruncated } from './inputs.ts';
import { avroBombs, largeRecords, poisonAll, poisonFew, poisonGuard } from './poison.ts';
import { registryOutage } from './registry.ts';
import { outputStalled } from './stalled.ts';
import { storeFaults } from './stores.ts';
import { joinLeave, kill, rollingRestart } from './workers.ts';

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  kill,
  rollingRestart,
  joinLeave,
  brokerRestart,
  clusterFailover,
  coordinatorCut,
  ...storeFaults,
  registryOutage,
  inputTransactions,
  inputCompacted,
  inputTruncated,
  inputPartitionsAdded,
  inputDeleted,
  poisonFew,
  poisonAll,
  poisonGuard,
  avroBombs,
  largeRecords,
  outputStalled,
  ...brokenWorkers,
];
