/**
 * Runs a script of this project under a Node that is new enough, with the dependencies of package-lock.json.
 *
 *   node scripts/bootstrap.cjs demo|test [arguments …]
 *   node scripts/bootstrap.cjs exec FILE [arguments …]
 *
 * Only this file must run on an old Node (14 or later): plain CommonJS, no dependencies. weir needs Node 22.22; the
 * npm packages among optionalDependencies bring Node 24, so a machine with an older Node need not change its own.
 */
'use strict';
const { spawn, spawnSync } = require('child_process');
const { createHash } = require('crypto');
const { existsSync, readFileSync, unlinkSync, writeFileSync } = require('fs');
const path = require('path');

const ROOT = path.join(__dirname, '..');
const MODULES = path.join(ROOT, 'node_modules');
const STAMP = path.join(MODULES, '.weir-lock-hash');
const MINIMUM_NODE = [22, 22];
const SCRIPTS = { demo: 'examples/flights/demo.ts', test: 'scripts/test.ts' };
/** A signal is handed on after this long, when a child that had it from the process group itself may have ended already. */
const FORWARD_MS = 300;
/** Signals so close together are one: sent to the group, and handed on by npm besides. */
const SAME_STOP_MS = 1000;
/** npm ci that was told to stop is killed after this long. */
const NPM_GRACE_MS = 3000;

/** What is waited for (npm, then the script), and how long after a signal it is killed; undefined: never. */
let running = { child: undefined, graceMs: undefined };
/** The last signal to stop, and when it came; undefined: none has come. */
let stopped;

/** Ends with a message alone: what happened and what to do. */
function fail(message) {
  console.error(`weir: ${message}`);
  process.exit(1);
}

function isNewEnough(version) {
  const parts = version.replace(/^v/, '').split('.').map(Number);
  return parts[0] > MINIMUM_NODE[0] || (parts[0] === MINIMUM_NODE[0] && parts[1] >= MINIMUM_NODE[1]);
}

/** Why node_modules is not what package-lock.json says; undefined when it is. */
function staleReason(lock) {
  if (!existsSync(MODULES)) return 'there is no node_modules folder yet';
  const packages = JSON.parse(lock).packages;
  // The stamp and npm's record say nothing of folders that were removed by hand.
  const direct = Object.keys(Object.assign({}, packages[''].dependencies, packages[''].devDependencies));
  const gone = direct.find((name) => !existsSync(path.join(MODULES, name, 'package.json')));
  if (gone !== undefined) return `node_modules/${gone} is missing`;
  const hash = createHash('sha256').update(lock).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8').trim() === hash) return undefined;
  // Installed by hand, or before the stamp: npm's own record of what it installed decides.
  const reason = differenceFrom(packages);
  if (reason === undefined) writeFileSync(STAMP, `${hash}\n`);
  return reason;
}

function differenceFrom(wanted) {
  let installed;
  try {
    installed = JSON.parse(readFileSync(path.join(MODULES, '.package-lock.json'), 'utf8')).packages;
  } catch (_error) {
    return 'node_modules was not installed by npm';
  }
  for (const name of Object.keys(wanted)) {
    if (name === '') continue;
    const is = installed[name];
    if (!is && wanted[name].optional) continue; // another platform's
    if (!is || is.version !== wanted[name].version) return `${name} is not at version ${wanted[name].version}`;
  }
  return undefined;
}

/** Starts a program and resolves with how it ended, as spawnSync would say it. */
function run(program, args, options, graceMs) {
  return new Promise((resolve) => {
    const child = spawn(program, args, options);
    running = { child: child, graceMs: graceMs };
    child.on('error', (error) => resolve({ error: error }));
    child.on('exit', (status, signal) => resolve({ status: status, signal: signal }));
  });
}

/** Tells what runs to stop, once for each time that this process is told. */
function stop(signal) {
  const atMs = process.uptime() * 1000;
  if (stopped && atMs - stopped.atMs < SAME_STOP_MS) return;
  stopped = { signal: signal, atMs: atMs };
  const child = running.child;
  if (!child) return;
  // Ctrl-C reaches every process of the terminal, so the child has it already; a second one might mean "at once".
  if (signal !== 'SIGINT' || !process.stdin.isTTY) setTimeout(() => child.kill(signal), FORWARD_MS);
  if (running.graceMs !== undefined) setTimeout(() => child.kill('SIGKILL'), running.graceMs);
}

/** The parent of any process, as Linux tells it; undefined elsewhere and when it is gone. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  } catch (_error) {
    return undefined;
  }
}

/** True for the shell that npm runs its scripts with; most put themselves in our place, but dash waits for us. */
function isShellOfNpm(pid) {
  try {
    return /^\S*sh\0-c\0[^]*bootstrap\.cjs/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch (_error) {
    return false;
  }
}

/** npm that is killed or sent SIGTERM ends without a word to its script, which then belongs to nobody. */
function watchNpm(parent) {
  const isShell = isShellOfNpm(parent);
  const npm = isShell ? parentOf(parent) : undefined;
  const watch = setInterval(() => {
    if (process.ppid === parent && (!isShell || parentOf(parent) === npm)) return;
    clearInterval(watch);
    if (!stopped) stop('SIGTERM');
  }, 500);
  watch.unref();
}

/** Ends as a child did that ended by a signal. */
function endBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

async function install() {
  const lockFile = path.join(ROOT, 'package-lock.json');
  const lock = readFileSync(lockFile, 'utf8');
  const reason = staleReason(lock);
  if (reason === undefined) return;
  console.error(`weir: installing dependencies with npm ci, without install scripts (${reason}) …`);
  if (existsSync(STAMP)) unlinkSync(STAMP); // not true of an installation that is cut short
  // Under `npm run`, use that very npm and the Node it runs on: ours may be inside the folder that is replaced.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2] };
  const result =
    npm && /npm-cli\.js$/.test(npm)
      ? await run(process.env.npm_node_execpath || process.execPath, [npm].concat(args), options, NPM_GRACE_MS)
      : await run('npm', args, options, NPM_GRACE_MS);
  if (stopped) return;
  if (result.error) fail(`npm could not be run: ${result.error.message}`);
  if (result.signal) fail(`npm ci was ended by ${result.signal}; start again to install`);
  if (result.status !== 0) fail(`npm ci failed (exit ${result.status}); the lines above say why. Is the package registry reachable?`);
  writeFileSync(STAMP, `${createHash('sha256').update(lock).digest('hex')}\n`);
}

/** The Node that the dependencies brought, else the one that runs this, whichever is new enough. */
function chooseNode() {
  const brought = path.join(MODULES, '.bin', 'node');
  if (existsSync(brought)) {
    const answer = spawnSync(brought, ['--version'], { encoding: 'utf8' });
    if (answer.status === 0 && isNewEnough(answer.stdout.trim())) return brought;
  }
  if (isNewEnough(process.version)) return process.execPath;
  return fail(
    `Node ${MINIMUM_NODE.join('.')} or later is needed; this is ${process.version}, and npm brought none that runs on ` +
      `${process.platform}-${process.arch}. Install Node 24 and start again.`,
  );
}

async function main() {
  const parent = process.ppid; // first of all: npm may end at any time from here on
  const command = process.argv[2];
  const isExec = command === 'exec';
  const script = isExec ? process.argv[3] : SCRIPTS[command];
  if (!script) fail('usage: node scripts/bootstrap.cjs demo|test [arguments …], or exec FILE [arguments …]');
  if (process.platform === 'win32') fail('Windows is not supported; use the Windows Subsystem for Linux (WSL 2).');
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.on(signal, () => stop(signal)));
  if (process.env.npm_lifecycle_event) watchNpm(parent);
  await install();
  if (stopped) return endBy(stopped.signal);
  const node = chooseNode();
  const file = isExec ? script : path.join(ROOT, script);
  const env = Object.assign({}, process.env, { PATH: `${path.join(MODULES, '.bin')}${path.delimiter}${process.env.PATH || ''}` });
  const result = await run(node, [file].concat(process.argv.slice(isExec ? 4 : 3)), { stdio: 'inherit', env: env });
  if (result.error) fail(`${node} could not be run: ${result.error.message}`);
  if (result.signal) endBy(result.signal);
  else process.exit(result.status);
}

main().catch(fail);
