// What the file system says of a path, as an error that names it.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

export function toSourceError(path: string, error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new HoldfastError("source_unreadable", `there is no file ${path}`, { path }, error);
  }
  const why = error instanceof Error ? error.message : String(error);
  return new HoldfastError("source_unreadable", why, { path, cause: code }, error);
}

/** To open a pipe would wait for somebody to write into it, and what comes out of it cannot be sent again. */
export function notRegular(path: string): HoldfastError {
  const hint =
    "Pipes and devices cannot be gone on with: send what they give through standard input, with - as the path.";
  return new HoldfastError("source_unreadable", `${path} is no regular file`, { path, hint });
}
