// The library of the system, by `node:ffi`: what Node has no way to (docs/adr/0028). Everything works without it.

export type Ffi = typeof import("node:ffi");

/** Where structures and `off_t` are as they are written here. */
const PLATFORMS: ReadonlySet<string> = new Set(["linux x64", "linux arm64"]);

/**
 * Binds some of its functions. Undefined where that is not to be had: an older Node, another platform, the permission model, `--no-experimental-ffi`.
 */
export function withLibc<Bound>(bind: (ffi: Ffi) => Bound): Bound | undefined {
  if (!PLATFORMS.has(`${process.platform} ${process.arch}`)) return undefined;
  try {
    return bind(quietly(() => process.getBuiltinModule("node:ffi")));
  } catch {
    return undefined;
  }
}

/** A host would be warned of an experiment that it can do nothing about, and that is none for whoever uses us. */
function quietly<Result>(load: () => Result): Result {
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
