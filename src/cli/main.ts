#!/usr/bin/env -S MALLOC_MMAP_THRESHOLD_=262144 MALLOC_TRIM_THRESHOLD_=1048576 node --max-semi-space-size=16
// Why these: docs/performance.md, "Memory". The Dockerfile and `npm run weir` have them too, `launchOf` reads them here.
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

/** After a command that failed midway something may still hold the process open: a socket, a worker thread. */
const LINGER_MS = 2_000;

// `weir check | head` closes the pipe early; that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

// Set, not exit(): what is still on its way to standard output must get there.
process.exitCode = await runProgram(process.argv.slice(2), processTerminal());
setTimeout(() => process.exit(), LINGER_MS).unref();
