// The manifest of a file: what its bytes are, part by part, under one root.
import { base64Pieces, base64Size, decodeBase64 } from "./base64.ts";
import { DIGEST_SIZE, equalBytes, isAlgorithm } from "./digest.ts";
import { HoldfastError } from "./errors.ts";
import { PART_COUNT_MAX, PART_SIZE_MAX, partCount } from "./grid.ts";
import { decodeHex, encodeHex } from "./hex.ts";
import { canonicalJson, type Json } from "./json.ts";
import { type Fields, fieldsOf, optionalText, textAt, wholeAt } from "./read.ts";
import { checkMetadata, checkName, checkType, type Metadata } from "./text.ts";
import { computeRoot, type Leaves, type Sha256 } from "./tree.ts";

export const MANIFEST_VERSION = 1;

export interface Manifest extends Leaves {
  readonly name: string;
  readonly type: string;
  /** Content coding of the stored bytes, such as `zstd`: the grid lies over the encoded bytes. */
  readonly encoding?: string;
  readonly metadata: Metadata;
  readonly root: Uint8Array;
  /** SHA-256 of the whole, only where it was verified. */
  readonly sha256?: Uint8Array;
  readonly provenance: Provenance;
}

/** Where the file came from. Times in milliseconds since 1970, UTC, by the server's clock. */
export interface Provenance {
  readonly createdAt: number;
  readonly completedAt: number;
  /** The wire that brought the bytes: `parts`, `tus` or `ietf`. */
  readonly protocol: string;
}

/** The canonical JSON of a manifest: the same manifest always gives the same bytes. Digests are base64, root and `sha256` lower-case hexadecimal. */
export function encodeManifest(manifest: Manifest): string {
  return [...manifestPieces(manifest)].join("");
}

/** A small manifest is one piece, a large one has none that is smaller but the last. */
const PIECE_LENGTH: number = 64 * 1024;

/** The canonical JSON in pieces, one in memory at a time however many parts there are. */
export function* manifestPieces(manifest: Manifest): Generator<string, void, void> {
  const text = canonicalJson({
    version: MANIFEST_VERSION,
    size: manifest.size,
    partSize: manifest.partSize,
    algorithm: manifest.algorithm,
    digests: "",
    root: encodeHex(manifest.root),
    sha256: manifest.sha256 && encodeHex(manifest.sha256),
    name: manifest.name,
    type: manifest.type,
    encoding: manifest.encoding,
    metadata: manifest.metadata,
    provenance: { ...manifest.provenance },
  });
  const { start } = manifestDigests(manifest);
  let piece = text.slice(0, start);
  for (const digests of base64Pieces(manifest.digests)) {
    if (piece.length >= PIECE_LENGTH) {
      yield piece;
      piece = "";
    }
    piece += digests;
  }
  yield piece + text.slice(start);
}

/** Where the base64 of the digests stands in a manifest's bytes, end not included, and what stands before it: only the algorithm sorts there. */
export function manifestDigests(leaves: Omit<Leaves, "digests">): {
  readonly head: string;
  readonly start: number;
  readonly end: number;
} {
  const head = canonicalJson({ algorithm: leaves.algorithm, digests: "" }).slice(0, -'"}'.length);
  const start = head.length;
  return { head, start, end: start + base64Size(partCount(leaves) * DIGEST_SIZE) };
}

/**
 * Reads a manifest and recomputes its root, so that what comes back is consistent in itself. Members that this version does not know are passed over.
 *
 * @throws HoldfastError `invalid_request` where it is malformed, not canonical, of another version, or its digests do not have its root.
 */
export function decodeManifest(sha256: Sha256, text: string): Manifest {
  const fields = fieldsOf(parseCanonical(text), "manifest");
  const version = wholeAt(fields, "version");
  if (version !== MANIFEST_VERSION)
    throw bad(`is of version ${version}; this program reads version ${MANIFEST_VERSION}`);
  const leaves = readLeaves(fields);
  const root = decodeHex(textAt(fields, "root"));
  if (root?.length !== DIGEST_SIZE || !equalBytes(computeRoot(sha256, leaves), root))
    throw bad("has digests that do not give its root");
  const whole = optionalText(fields, "sha256");
  const wholeDigest = whole === undefined ? undefined : decodeHex(whole);
  if (whole !== undefined && wholeDigest?.length !== DIGEST_SIZE)
    throw bad("has a malformed sha256");
  const encoding = optionalText(fields, "encoding");
  const provenance = fieldsOf(fields.get("provenance"), "provenance");
  return {
    ...leaves,
    root,
    name: readName(fields),
    type: checkType(textAt(fields, "type")),
    ...(encoding === undefined ? {} : { encoding }),
    ...(wholeDigest === undefined ? {} : { sha256: wholeDigest }),
    metadata: checkMetadata(fields.get("metadata") ?? null),
    provenance: {
      createdAt: wholeAt(provenance, "createdAt"),
      completedAt: wholeAt(provenance, "completedAt"),
      protocol: textAt(provenance, "protocol"),
    },
  };
}

function readLeaves(fields: Fields): Leaves {
  const size = wholeAt(fields, "size");
  const partSize = wholeAt(fields, "partSize");
  const algorithm: unknown = fields.get("algorithm");
  if (partSize === 0) throw bad("has a part size of 0");
  // Before anything is made in their number, or of their size.
  if (partSize > PART_SIZE_MAX) throw bad(`has parts of more than ${PART_SIZE_MAX} bytes`);
  if (size / partSize > PART_COUNT_MAX) throw bad(`has more than ${PART_COUNT_MAX} parts`);
  const digests = decodeBase64(textAt(fields, "digests"));
  if (!isAlgorithm(algorithm)) throw bad("has an unknown algorithm");
  if (!digests || digests.length !== Math.ceil(size / partSize) * DIGEST_SIZE)
    throw bad("has not one digest for each part");
  return { size, partSize, algorithm, digests };
}

/** Only the canonical text is read: with two texts for one manifest, two readers could take two things from the same bytes (a name that stands twice). */
function parseCanonical(text: string): unknown {
  let value: Json;
  let canonical: string;
  try {
    value = JSON.parse(text) as Json;
    canonical = canonicalJson(value);
  } catch (cause) {
    throw bad("is not JSON, or has what canonical JSON has not", cause);
  }
  if (canonical !== text) throw bad("is not canonical JSON");
  return value;
}

function readName(fields: Fields): string {
  const name = checkName(fields.get("name"));
  if (name !== fields.get("name")) throw bad("has a name that is not in Unicode NFC");
  return name;
}

function bad(why: string, cause?: unknown): HoldfastError {
  return new HoldfastError("invalid_request", `manifest ${why}`, { field: "manifest" }, cause);
}
