// Bytes at the offset, by tus and by each version of Resumable Uploads for HTTP that is spoken.
import { encodeDigest } from "@holdfast/protocol";
import { type MixedJob, requireStatus, sha256 } from "./job.ts";
import type { Said, Wants } from "./talk.ts";
import type { Brought, Ending, Way } from "./way.ts";

interface Append {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** With these bytes it is whole. */
  readonly isLast: boolean;
  /** Told with it, where the server does not know it yet. */
  readonly size?: number;
}

/** What differs between the protocols. */
interface Dialect {
  readonly name: string;
  head(id: string): Wants;
  append(id: string, append: Append): Wants;
  /** The field that tells the digest of a body. */
  digest(bytes: Uint8Array): Readonly<Record<string, string>>;
}

const TUS: Dialect = {
  name: "tus",
  head: (id) => ({ method: "HEAD", path: `/tus/${id}`, headers: { "tus-resumable": "1.0.0" } }),
  append: (id, { at, bytes, size }) => ({
    method: "PATCH",
    path: `/tus/${id}`,
    headers: {
      ...{ "tus-resumable": "1.0.0", "upload-offset": String(at) },
      "content-type": "application/offset+octet-stream",
      ...(size === undefined ? {} : { "upload-length": String(size) }),
    },
    body: bytes,
  }),
  digest: (bytes) => ({
    "upload-checksum": `sha256 ${Buffer.from(sha256(bytes)).toString("base64")}`,
  }),
};

function ietf(version: number): Dialect {
  const stamp = { "upload-draft-interop-version": String(version) };
  const ends = (isLast: boolean): Record<string, string> =>
    version === 3
      ? { "upload-incomplete": isLast ? "?0" : "?1" }
      : { "upload-complete": isLast ? "?1" : "?0" };
  const type = version < 6 ? {} : { "content-type": "application/partial-upload" };
  return {
    name: `ietf ${version}`,
    head: (id) => ({ method: "HEAD", path: `/v1/uploads/${id}`, headers: stamp }),
    append: (id, { at, bytes, isLast }) => ({
      method: "PATCH",
      path: `/v1/uploads/${id}`,
      headers: { ...stamp, ...type, "upload-offset": String(at), ...ends(isLast) },
      body: bytes,
    }),
    digest: (bytes) => ({ "content-digest": encodeDigest("sha-256", sha256(bytes)) }),
  };
}

export const APPEND_WAYS: readonly Way[] = [TUS, ...[3, 5, 6, 8, 9].map(ietf)].map(wayOf);

function wayOf(dialect: Dialect): Way {
  return {
    name: dialect.name,
    bring: (job, to, ending) => bring(dialect, job, to, ending),
    finish: (job) => finish(dialect, job),
  };
}

async function bring(
  dialect: Dialect,
  job: MixedJob,
  to: number,
  ending: Ending,
): Promise<Brought> {
  const { talk, id, content, isSized } = job;
  const { at } = await offsetOf(dialect, job);
  if (at >= to) return { least: at };
  if (ending === "none") {
    const bytes = content.subarray(at, to);
    const said = await talk.ask(dialect.append(id, { at, bytes, isLast: false }));
    requireStatus(said, [201, 204], `an append by ${dialect.name}`);
    return { least: to };
  }
  // Who knows the size says that these are all bytes; who does not says nothing.
  const bytes = content.subarray(at);
  const { headers, ...rest } = dialect.append(id, { at, bytes, isLast: isSized });
  if (ending === "digest") {
    await talk.cut({ ...rest, headers: { ...headers, ...dialect.digest(bytes) } }, to - at, "end");
    // All of these bytes count, or none.
    return to === content.length ? { least: to } : { least: at, most: at };
  }
  await talk.cut({ ...rest, headers: headers ?? {} }, to - at, ending);
  // How many of them arrive otherwise is not known here.
  return { least: ending === "end" ? to : at };
}

async function finish(dialect: Dialect, job: MixedJob): Promise<void> {
  const { talk, id, content } = job;
  const { at, hasSize } = await offsetOf(dialect, job);
  const size = hasSize ? {} : { size: content.length };
  const last = { at, bytes: content.subarray(at), isLast: true, ...size };
  const said = await talk.ask(dialect.append(id, last));
  requireStatus(said, [201, 204], `the last append by ${dialect.name}`);
  // Who has not heard the answer asks again, with nothing more to bring.
  const nothing = { at: content.length, bytes: content.subarray(0, 0), isLast: true };
  const again = await talk.ask(dialect.append(id, nothing));
  requireStatus(again, [said.status], `the last append again by ${dialect.name}`);
}

async function offsetOf(
  dialect: Dialect,
  { talk, id, isSized }: MixedJob,
): Promise<{ readonly at: number; readonly hasSize: boolean }> {
  const said = await talk.ask(dialect.head(id));
  requireStatus(said, [200, 204], `the offset by ${dialect.name}`);
  return { at: offsetIn(said), hasSize: isSized || said.headers["upload-length"] !== undefined };
}

function offsetIn({ headers }: Said): number {
  const field = headers["upload-offset"];
  if (typeof field !== "string") throw new Error("there is no Upload-Offset");
  return Number(field);
}
