// The headers under which a file's bytes go out: whatever somebody uploaded, no browser runs it here.
import type { FileRecord } from "@holdfast/engine";
import { encodeDigest, encodeDisposition, encodeHex } from "@holdfast/protocol";
import type { Headers } from "../reply.ts";

/** Types that no browser takes for a document with scripts. Anything else goes out as plain bytes. */
const SAFE_TYPE =
  /^(?:audio\/[a-z0-9.+-]+|video\/[a-z0-9.+-]+|image\/(?:avif|bmp|gif|heic|jpeg|png|tiff|webp)|text\/(?:plain|csv)|application\/(?:gzip|json|ogg|pdf|vnd\.rar|x-7z-compressed|x-bzip2|x-tar|x-xz|zip|zstd))(?:[ \t]*;|$)/i;

/** The ETag of a file is its root: a strong validator, since the bytes under an id never change. */
export function entityTag(digest: Uint8Array): string {
  return `"${encodeHex(digest)}"`;
}

/** The type where no browser makes a document of it. */
export function safeType(type: string): string {
  return SAFE_TYPE.test(type) ? type : "application/octet-stream";
}

/** What holds for somebody's bytes, whole or not. */
export function safeHeaders({ type, name }: Pick<FileRecord, "type" | "name">): Headers {
  return {
    "content-type": safeType(type),
    "content-disposition": encodeDisposition(name),
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
  };
}

export function fileHeaders(file: FileRecord, audience: Audience): Headers {
  return {
    ...safeHeaders(file),
    "accept-ranges": "bytes",
    ...(file.sha256 ? { "repr-digest": encodeDigest("sha-256", file.sha256) } : {}),
    ...validators(entityTag(file.root), file.createdAt, audience),
  };
}

/** Who may read what an answer has: whoever has asked by some right, or everybody. */
export type Audience = "asker" | "everybody";

/**
 * By some right: kept by nobody but the client itself, and only to ask whether it is still good. For everybody: kept by any cache for a year, and by pages of any site, since
 * under an address of a file there are never other bytes.
 */
const KEPT: Readonly<Record<Audience, Headers>> = {
  asker: { "cache-control": "private, no-cache" },
  everybody: {
    "cache-control": "public, max-age=31536000, immutable",
    "cross-origin-resource-policy": "cross-origin",
    "access-control-allow-origin": "*",
    "access-control-expose-headers":
      "Holdfast-Version, ETag, Accept-Ranges, Content-Range, Content-Disposition, Content-Digest, Repr-Digest",
  },
};

export function validators(etag: string, at: number, audience: Audience): Headers {
  return { etag, "last-modified": new Date(at).toUTCString(), ...KEPT[audience] };
}
