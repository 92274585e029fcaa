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
const { existsSync, readFileSync, writeFileSync } = require('fs');
const path = require('path');

const ROOT = path.join(__dirname, '..');
const MODULES = path.join(ROOT, 'node_modules');
const STAMP = path.join(MODULES, '.weir-lock-hash');
const MINIMUM_NODE = [22, 22];
const SCRIPTS = { demo: 'examples/flights/demo.ts', test: 'scripts/test.ts' };

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
  const hash = createHash('sha256').update(lock).digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8').trim() === hash) return undefined;
  // Installed by hand, or before the stamp: npm's own record of what it installed decides.
  const reason = differenceFrom(JSON.parse(lock).packages);
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

function install() {
  const lockFile = path.join(ROOT, 'package-lock.json');
  const lock = readFileSync(lockFile, 'utf8');
  const reason = staleReason(lock);
  if (reason === undefined) return;
  console.error(`weir: installing dependencies with npm ci, without install scripts (${reason}) …`);
  // Under `npm run`, use that very npm and the Node it runs on: ours may be inside the folder that is replaced.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const result =
    npm && /npm-cli\.js$/.test(npm)
      ? spawnSync(process.env.npm_node_execpath || process.execPath, [npm].concat(args), { cwd: ROOT, stdio: ['ignore', 2, 2] })
      : spawnSync('npm', args, { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (result.error) fail(`npm could not be run: ${result.error.message}`);
  if (result.signal) process.exit(130);
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

function main() {
  const command = process.argv[2];
  const isExec = command === 'exec';
  const script = isExec ? process.argv[3] : SCRIPTS[command];
  if (!script) fail('usage: node scripts/bootstrap.cjs demo|test [arguments …], or exec FILE [arguments …]');
  if (process.platform === 'win32') fail('Windows is not supported; use the Windows Subsystem for Linux (WSL 2).');
  install();
  const node = chooseNode();
  const file = isExec ? script : path.join(ROOT, script);
  const env = Object.assign({}, process.env, { PATH: `${path.join(MODULES, '.bin')}${path.delimiter}${process.env.PATH || ''}` });
  const child = spawn(node, [file].concat(process.argv.slice(isExec ? 4 : 3)), { stdio: 'inherit', env: env });
  child.on('error', function (error) {
    fail(`${node} could not be run: ${error.message}`);
  });
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach(function (signal) {
    process.on(signal, function () {
      // Ctrl-C reaches every process of the terminal, so the child has it already; a second one might mean "at once".
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    });
  });
  if (process.env.npm_lifecycle_event) {
    // npm that is killed or sent SIGTERM ends without a word to its script, which then belongs to nobody.
    const npm = process.ppid;
    setInterval(() => {
      if (process.ppid !== npm) child.kill('SIGTERM');
    }, 500).unref();
  }
  child.on('exit', function (code, signal) {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else {
      process.exit(code);
    }
  });
}

main();
