import { writeSync } from 'node:fs';

/** What `endDespiteRuns` watches. */
export interface RuntimeUser {
  /** True while a thread of this process may be in a run of ONNX Runtime. */
  readonly isInRuntime: boolean;
}

const users = new Set<WeakRef<RuntimeUser>>();

/**
 * Lets the process end, with its exit code, although a thread is in a run of ONNX Runtime. Node waits for all threads when it
 * ends, so for ever for a run that hangs; and one that comes back meanwhile aborts the process, for its isolate is gone. So
 * the process becomes another one, which does nothing but end with that code; its threads go with it. Where that cannot be
 * done, it kills itself. Handlers of `exit` that were added after the model was loaded are not called then.
 */
export function endDespiteRuns(user: RuntimeUser): void {
  if (users.size === 0) {
    process.on('exit', onExit);
    process.on('uncaughtExceptionMonitor', onUncaught);
  }
  for (const known of users) if (!known.deref()) users.delete(known);
  users.add(new WeakRef(user));
}

function isInRuntime(): boolean {
  return [...users].some((user) => user.deref()?.isInRuntime);
}

/** Node says what was not caught after the handlers of `exit`, so it would never be said. */
function onUncaught(error: unknown): void {
  if (!isInRuntime()) return;
  try {
    writeSync(2, `${error instanceof Error ? error.stack : String(error)}\n`);
  } catch {
    // Nobody reads it.
  }
}

function onExit(code: number): void {
  if (!isInRuntime()) return;
  try {
    process.execve?.(process.execPath, [process.execPath, '--eval', `process.exitCode = ${code}`], { ...process.env, NODE_OPTIONS: '' });
  } catch {
    // In a thread, or on Windows.
  }
  process.kill(process.pid, 'SIGKILL');
}
