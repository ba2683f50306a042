// The JSON values of the wire as schemas. What reads and writes them is in @holdfast/protocol, which no schema library may enter; tests hold the two together.
import { ERRORS, FILES_LIMIT_MAX, UPLOAD_STATES } from "@holdfast/protocol";
import { z } from "zod";

/** Schemas with a name of their own in the description. */
export const named: z.core.$ZodRegistry<{ id: string }> = z.registry<{ id: string }>();

function component<T extends z.ZodType>(id: string, schema: T): T {
  named.add(schema, { id });
  return schema;
}

const whole = () => z.int().min(0);
const base64 = () => z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/);
const hex64 = () => z.string().regex(/^[0-9a-f]{64}$/);

export const Id: z.ZodType = component(
  "Id",
  z
    .string()
    .regex(/^[a-z2-7]{25}[aeimquy4]$/)
    .describe("128 random bits, base32, lower case"),
);

const Time = component("Time", whole().describe("Milliseconds since 1970, UTC"));

const PartRange = component(
  "PartRange",
  z.tuple([whole(), whole()]).describe("Parts from the first, up to but without the second"),
);

const Metadata = component(
  "Metadata",
  z.record(z.string(), z.string()).describe("Texts by name: at most 64 of them and 16 KiB"),
);

const Committed = component(
  "Committed",
  z
    .union([
      z.object({ count: whole(), ranges: z.array(PartRange).max(1000) }),
      z.object({ count: whole(), bitmap: base64() }),
    ])
    .describe("Ranges up to 1,000 of them; above that a bitmap, least significant bit first"),
);

const Digest = z.enum(["sha-256", "blake3"]);
const State = component("State", z.enum(UPLOAD_STATES));

export const File: z.ZodType = component(
  "File",
  z.object({
    id: Id,
    url: z.string().describe("A path on the same server"),
    size: whole(),
    root: hex64(),
    sha256: hex64().optional().describe("Of the whole, where it was verified"),
  }),
);

const listed = {
  id: Id,
  url: z.string().describe("A path on the same server"),
  name: z.string(),
  type: z.string(),
  size: whole(),
  root: hex64(),
  createdAt: Time,
  sha256: hex64().optional().describe("Of the whole; only where it was verified"),
};

export const ListedFile: z.ZodType = component("ListedFile", z.object(listed));

export const StoredFile: z.ZodType = component(
  "StoredFile",
  z.object({
    ...listed,
    partSize: z.int().min(1),
    upload: Id.describe("The upload that it was, known for a day"),
  }),
);

export const FilePage: z.ZodType = component(
  "FilePage",
  z.object({
    files: z.array(ListedFile).max(FILES_LIMIT_MAX),
    next: z.string().optional().describe("Where the next page begins; absent at the end"),
  }),
);

const Swept = component("Swept", z.object({ count: whole(), bytes: whole() }));

export const Sweep: z.ZodType = component(
  "Sweep",
  z.object({
    isDryRun: z.boolean(),
    expired: Swept.describe("Open uploads whose time was over"),
    removed: Swept.describe("Ended uploads whose bytes were still there"),
    erased: Swept.describe("Deleted files whose bytes were still there"),
    forgotten: Swept.describe("Records of uploads that ended a day ago"),
    left: Swept.describe(
      "Objects in a store that an upload or a file which has come to its end has left",
    ),
    unrecorded: Swept.describe(
      "Objects in a store that no record knows: they stay unless asked to go",
    ),
    failed: whole(),
    isWhole: z.boolean().describe("False where there is more than one sweep takes"),
    isHeld: z.boolean().describe("True where nothing ended by time: the server's clock has jumped"),
  }),
);

export const Upload: z.ZodType = component(
  "Upload",
  z.object({
    id: Id,
    state: State,
    name: z.string(),
    type: z.string(),
    metadata: Metadata,
    size: whole().optional().describe("Absent until it is known"),
    maxSize: whole().optional().describe("Instead of the size: the most that it may become"),
    partSize: z.int().min(1),
    partCount: whole(),
    digest: Digest,
    committed: Committed,
    offset: whole().describe("Contiguous committed bytes from 0"),
    runPartsMax: z.int().min(1),
    transfer: z
      .literal("direct")
      .optional()
      .describe("Parts best go by signed requests; absent where they best go through the server"),
    createdAt: Time,
    expiresAt: Time,
    error: z.object({ code: z.string(), detail: z.string() }).optional(),
    file: File.optional(),
    digests: base64().optional().describe("Part digests one after another, on request"),
  }),
);

export const CreateUpload: z.ZodType = component(
  "CreateUpload",
  z.object({
    name: z.string().min(1).max(255),
    size: whole().optional().describe("Absent where it is not known yet"),
    maxSize: whole().optional().describe("Only without size: the most that it may become"),
    type: z.string().optional(),
    metadata: Metadata.optional(),
    partSize: z.int().min(262_144).optional().describe("A multiple of 256 KiB"),
    digest: Digest.optional(),
    sha256: hex64().optional().describe("What the whole file must have: else the upload fails"),
    verify: z
      .enum(["parts", "readback"])
      .optional()
      .describe("readback: every part is read once more before the file is published"),
    live: z
      .boolean()
      .optional()
      .describe("true: its content can be read while it grows, wherever its bytes go"),
    transfer: z.enum(["server", "direct"]).optional(),
  }),
);

export const CompleteUpload: z.ZodType = component(
  "CompleteUpload",
  z.object({
    size: whole().optional(),
    root: hex64().optional(),
    sha256: hex64().optional().describe("What the whole file must have: else it stays open"),
  }),
);

export const RunCommitted: z.ZodType = component(
  "RunCommitted",
  z.object({ run: PartRange, committed: whole(), offset: whole() }),
);

const Expiry = z.int().min(1).optional().describe("Seconds");

export const PartsWanted: z.ZodType = component(
  "PartsWanted",
  z.object({
    parts: z.array(z.object({ index: whole(), digest: base64() })).max(100),
    expiresIn: Expiry,
    address: z
      .string()
      .optional()
      .describe("An IP address, or `mine`: requests lead to this server, and from nowhere else"),
  }),
);

export const SignedRequests: z.ZodType = component(
  "SignedRequests",
  z.object({
    requests: z.array(
      z.object({
        index: whole(),
        url: z.string().describe("A path on the same server, or an address anywhere"),
        method: z.literal("PUT"),
        headers: z.record(z.string(), z.string()).describe("To be sent as they are"),
        expiresAt: Time,
      }),
    ),
  }),
);

export const PartsConfirmed: z.ZodType = component(
  "PartsConfirmed",
  z.object({ committed: whole(), offset: whole() }),
);

export const LinkWanted: z.ZodType = component("LinkWanted", z.object({ expiresIn: Expiry }));

export const Link: z.ZodType = component(
  "Link",
  z.object({
    id: Id,
    url: z.string().describe("A path on the same server"),
    expiresAt: Time,
  }),
);

export const PublicFile: z.ZodType = component(
  "PublicFile",
  z.object({ url: z.string().describe("A path on the same server, for everybody") }),
);

const Manifest: z.ZodType = component(
  "Manifest",
  z.object({
    version: z.literal(1),
    size: whole(),
    partSize: z.int().min(1),
    algorithm: z.enum(["sha-256", "blake3"]),
    digests: base64(),
    root: hex64(),
    sha256: hex64().optional(),
    name: z.string(),
    type: z.string(),
    encoding: z.string().optional(),
    metadata: Metadata,
    provenance: z.object({ createdAt: Time, completedAt: Time, protocol: z.string() }),
  }),
);

const Proof: z.ZodType = component(
  "Proof",
  z.object({
    index: whole(),
    digest: base64(),
    proof: z.array(base64()).describe("From the leaf up, lowest first"),
    size: whole(),
    partSize: z.int().min(1),
    algorithm: z.enum(["sha-256", "blake3"]),
    root: hex64(),
  }),
);

export const FileOrUpload: z.ZodType = component("FileOrUpload", z.union([StoredFile, Upload]));

export const ManifestOrProof: z.ZodType = component("ManifestOrProof", z.union([Manifest, Proof]));

export const Live: z.ZodType = z.object({ status: z.literal("ok") });
export const Ready: z.ZodType = z.object({ status: z.literal("ready") });
export const Unready: z.ZodType = z.object({
  status: z.literal("unready"),
  reasons: z.array(z.string()),
});

const CODES = Object.entries(ERRORS).filter(([, { status }]) => status !== 0);

/** Details are further members, so this one stays open. */
export const Problem: z.ZodType = component(
  "Problem",
  z
    .looseObject({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      code: z.enum(CODES.map(([code]) => code)),
      detail: z.string(),
      hint: z.string(),
    })
    .describe("RFC 9457; programs decide by `code` and by nothing else"),
);
