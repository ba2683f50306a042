// The ways that bytes come in by, side by side: what the same thing is asked with, in the words of each protocol.
import { encodeDigest, KIB, MIB } from "@holdfast/protocol";
import { createRandom } from "@holdfast/testkit/random";
import { sha256 } from "@holdfast/testkit/world";
import type { Ask } from "./server.fixture.ts";

/** Less than a part, and two of them. */
export const CONTENT: Uint8Array = createRandom("doors").bytes(64 * KIB);
export const PARTS: Uint8Array = createRandom("parts").bytes(2 * MIB);

type Fields = Readonly<Record<string, string>>;

export interface Door {
  readonly name: string;
  /** Begins an upload of that size, or of one that is told later. */
  begin(size: number | undefined): Ask;
  /** Brings `body` at an offset; `size` is told with it. */
  bring(id: string, at: number, body: Uint8Array, size?: number): Ask;
  /** Asks how far it is. */
  look(id: string): Ask;
  end(id: string): Ask;
}

const sized = (size: number | undefined): Fields =>
  size === undefined ? {} : { "upload-length": String(size) };

/** Whole parts, one at a time. */
export const OWN: Door = {
  name: "the own API",
  begin: (size) => ({
    method: "POST",
    path: "/v1/uploads",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "a", ...(size === undefined ? {} : { size }) }),
  }),
  bring: (id, at, body, size) => ({
    method: "PUT",
    path: `/v1/uploads/${id}/parts/${Math.floor(at / MIB)}`,
    headers: { "content-digest": encodeDigest("sha-256", sha256(body)), ...sized(size) },
    body,
  }),
  look: (id) => ({ path: `/v1/uploads/${id}` }),
  end: (id) => ({ method: "DELETE", path: `/v1/uploads/${id}` }),
};

const TUS_VERSION: Fields = { "tus-resumable": "1.0.0" };

export const TUS_DOOR: Door = {
  name: "tus",
  begin: (size) => ({
    method: "POST",
    path: "/tus",
    headers: {
      ...TUS_VERSION,
      ...(size === undefined ? { "upload-defer-length": "1" } : sized(size)),
    },
  }),
  bring: (id, at, body, size) => ({
    method: "PATCH",
    path: `/tus/${id}`,
    headers: {
      ...{ ...TUS_VERSION, ...sized(size), "upload-offset": String(at) },
      "content-type": "application/offset+octet-stream",
    },
    body,
  }),
  look: (id) => ({ method: "HEAD", path: `/tus/${id}`, headers: TUS_VERSION }),
  end: (id) => ({ method: "DELETE", path: `/tus/${id}`, headers: TUS_VERSION }),
};

const MORE_TO_COME: Fields = { "upload-complete": "?0" };

export const IETF: Door = {
  name: "Resumable Uploads for HTTP",
  begin: (size) => ({
    method: "POST",
    path: "/v1/files",
    headers: { ...MORE_TO_COME, ...sized(size) },
  }),
  bring: (id, at, body, size) => ({
    method: "PATCH",
    path: `/v1/uploads/${id}`,
    headers: {
      ...{ ...MORE_TO_COME, ...sized(size), "upload-offset": String(at) },
      "content-type": "application/partial-upload",
    },
    body,
  }),
  look: (id) => ({ method: "HEAD", path: `/v1/uploads/${id}` }),
  end: (id) => ({ method: "DELETE", path: `/v1/uploads/${id}` }),
};
