import { type ChildProcess, spawn } from 'node:child_process';

/**
 * What must not outlive this process: a process (by pid), a folder or file (by path) or a container (by the value of its
 * label `weir.guard`, which is known before the container is).
 */
export type GuardedItem = `pid:${number}` | `path:${string}` | `container:${string}`;

/**
 * The guard reads lines: `+item` to take an item on, `-item` to let it go. End of input means that the parent is
 * gone, in whatever way (exit, Ctrl-C, SIGTERM, an uncaught exception, kill -9): the kernel closes the pipe. It then
 * ends every item that is left: processes with TERM and, 5 s later, KILL; then containers and folders. A zombie (an
 * orphan in a container whose first process does not reap) counts as ended.
 * Plain POSIX shell, so that it runs on Linux and macOS and costs 1 MB. Signals of the terminal are ignored.
 */
const GUARD_SCRIPT = `
trap '' HUP INT TERM
items=
while IFS= read -r line; do
  case $line in
    +*) items="$items\${line#+}
" ;;
    -*) items=$(printf '%s' "$items" | grep -vxF -e "\${line#-}"; echo .); items=\${items%.} ;;
  esac
done
each() { printf '%s' "$items" | while IFS= read -r item; do case $item in "$1":*) "$2" "\${item#*:}" ;; esac; done; }
end() { kill -TERM "$1" 2>/dev/null; kill -CONT "$1" 2>/dev/null; }
alive() { kill -0 "$1" 2>/dev/null && case $(ps -o stat= -p "$1" 2>/dev/null) in Z*) false ;; esac; }
n=0
await() { while alive "$1" && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done; kill -KILL "$1" 2>/dev/null; }
remove_container() { docker ps -aq --filter "label=weir.guard=$1" 2>/dev/null | while read -r id; do docker rm -fv "$id" >/dev/null 2>&1; done; }
remove_path() { rm -rf -- "$1"; }
each pid end; each pid await; each container remove_container; each path remove_path
`;

let guard: ChildProcess | undefined;

function tell(line: string): void {
  if (guard === undefined || guard.exitCode !== null || guard.signalCode !== null) {
    // Detached (a session of its own): Ctrl-C in the terminal must reach this process, not its guard.
    guard = spawn('sh', ['-c', GUARD_SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    guard.unref();
    const input = guard.stdin as (NodeJS.WritableStream & { unref?(): void }) | null;
    input?.unref?.();
    // A guard that cannot start or was killed loses only the cleaning up after a crash of this process.
    guard.on('error', () => undefined);
    input?.on('error', () => undefined);
  }
  guard.stdin?.write(`${line}\n`);
}

/** Has the item ended and removed when this process ends, however it ends. */
export function guardItem(item: GuardedItem): void {
  tell(`+${item}`);
}

/** Takes the item back: it has ended already, or it is meant to outlive this process. */
export function releaseItem(item: GuardedItem): void {
  tell(`-${item}`);
}
