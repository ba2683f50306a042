// Brings the working copy to where everything runs: installs what the lock file names, unless it is there already.
//
// `node scripts/setup.mjs [program args...]` then runs the program with the Node that the install brought. A shell cannot: it looked up
// `node` before that Node was there, and remembers what it found. Plain JavaScript, because the machine's own Node may be 20.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const BIN = join(ROOT, "node_modules", ".bin");
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const INSTALL_FLAGS = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

function fail(...lines) {
  console.error(`setup: ${lines.join("\n       ")}`);
  process.exit(1);
}

/**
 * Whether node_modules holds what the lock file asks for. npm writes its own lock file there as the last thing an install does, so an install
 * that was interrupted is told apart from one that ended. What is optional may be missing: it is for other platforms.
 */
function isInstalled() {
  const wanted = packagesOf(join(ROOT, "package-lock.json"));
  const found = packagesOf(join(ROOT, "node_modules", ".package-lock.json"));
  if (!wanted || !found) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const there = found[path];
    if (!there) return optional === true;
    return there.version === version && there.integrity === integrity;
  });
}

function packagesOf(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : undefined;
}

/** npm as it was called, run by the Node it was called with: ours is about to be replaced under its feet. */
function npm(args) {
  const { npm_execpath: path, npm_node_execpath: node } = process.env;
  const [program, ...words] = path && node ? [node, path, ...args] : ["npm", ...args];
  return spawnSync(program, words, {
    cwd: ROOT,
    // npm's report of what it did is not asked for; what went wrong comes on standard error.
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32" && program === "npm",
  });
}

function install() {
  const hasLock = existsSync(join(ROOT, "package-lock.json"));
  const started = performance.now();
  process.stdout.write("setup: installing packages, once ... ");
  const { status, error } = npm([hasLock ? "ci" : "install", ...INSTALL_FLAGS]);
  if (error)
    fail(`npm cannot be started (${error.message}).`, "Install Node with npm, then try again.");
  if (status !== 0) {
    fail(
      `npm ended with ${status}: what is above says why.`,
      "If it could not reach its registry, check the network or npm's proxy settings and try again; nothing here is half done.",
    );
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`done in ${seconds} s`);
}

/** Our Node, tried: an optional package that does not fit this machine is silently left out by npm. */
function checkNode() {
  const node = join(BIN, process.platform === "win32" ? "node.cmd" : "node");
  const ours = tryNode(node) ?? tryNode(process.execPath);
  if (ours) return ours;
  const platform = `${process.platform}-${process.arch}`;
  return fail(
    `Holdfast is developed on Node 22.19 or newer; this is ${process.version}, and there is no ready-made Node package for ${platform} that works here.`,
    "Install a newer Node, then try again.",
  );
}

function tryNode(path) {
  const shell = path.endsWith(".cmd");
  const args = ["-p", "[process.versions.node, process.execPath].join(' ')"];
  const { status, stdout } = spawnSync(shell ? `"${path}"` : path, args, {
    encoding: "utf8",
    shell,
  });
  if (status !== 0) return undefined;
  const [version, ...rest] = stdout.trim().split(" ");
  const [major, minor] = version.split(".").map(Number);
  return major > 23 || (major === 22 && minor >= 19) ? rest.join(" ") : undefined;
}

/**
 * Ends as the program ends. Signals reach it too: from a terminal by themselves, from elsewhere through us. The shell that npm puts in between
 * passes none on; that it is gone is how a stopped npm shows.
 */
function run(node, args) {
  const path = [BIN, process.env.PATH ?? ""].join(delimiter);
  let child;
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  child = spawn(node, args, { stdio: "inherit", env: { ...process.env, PATH: path } });
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 500);
  watch.unref();
  child.on("error", (error) => fail(`${node} cannot be started: ${error.message}`));
  child.on("exit", (code, signal) => {
    for (const name of SIGNALS) process.removeAllListeners(name);
    if (signal) process.kill(process.pid, signal);
    else process.exit(code);
  });
}

if (!isInstalled()) install();
const node = checkNode();
if (process.argv.length > 2) run(node, process.argv.slice(2));
