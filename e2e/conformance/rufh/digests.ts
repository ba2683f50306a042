// Resumable uploads: digests of a request, and of the whole.
import { createHash } from "node:crypto";
import type { Field } from "../message.ts";
import { done, header, status } from "../write.ts";
import type { Clause } from "./clause.ts";
import { append, create, stays, TEXT, upload } from "./requests.ts";

function sha256(text: string): string {
  return `sha-256=:${createHash("sha256").update(text).digest("base64")}:`;
}

const WRONG = sha256("hello World");

const DIGEST_VERSIONS = [6, 8, 9] as const;

function contentDigest(value: string): { fields: readonly Field[] } {
  return { fields: [["Content-Digest", value]] };
}

export const DIGESTS: readonly Clause[] = [
  {
    id: "R18a",
    level: "SHOULD",
    source: "Content Digests",
    clause: "an append whose Content-Digest does not fit is refused, and not appended",
    versions: DIGEST_VERSIONS,
    steps: (version) => [
      upload(version),
      append(version, 0, false, TEXT, [status(400, 409, 422)], contentDigest(WRONG)),
      stays(version, 0),
      append(version, 0, false, TEXT, [done], contentDigest(sha256(TEXT))),
    ],
  },
  {
    id: "R18b",
    level: "SHOULD",
    source: "Content Digests",
    clause: "a creation whose Content-Digest does not fit is refused",
    versions: DIGEST_VERSIONS,
    steps: (version) => [
      create(version, true, TEXT, [status(400, 409, 422)], contentDigest(WRONG)),
      create(version, true, TEXT, [done], contentDigest(sha256(TEXT))),
    ],
  },
  {
    id: "R18f",
    level: "CUSTOM",
    source: "Content Digests",
    clause: "a Content-Digest that is none is refused, and nothing is appended",
    versions: DIGEST_VERSIONS,
    steps: (version) => [
      upload(version),
      ...["sha-256=:x:", "sha-256=47DEQpj8", "sha-256=:47DEQpj8HBSa:", "x="].map((value) =>
        append(version, 0, false, TEXT, [status(400, 422)], contentDigest(value)),
      ),
      stays(version, 0),
    ],
  },
  {
    id: "R18c",
    level: "SHOULD",
    source: "Representation Digests",
    clause: "an upload that ends with another Repr-Digest than it began with fails",
    versions: DIGEST_VERSIONS,
    steps: (version) => [
      upload(version, [["Repr-Digest", WRONG]]),
      append(version, 0, true, TEXT, [status(400, 409, 422)]),
    ],
  },
  {
    id: "R18d",
    level: "SHOULD",
    source: "Representation Digests",
    clause: "an upload that ends with the Repr-Digest that it began with succeeds",
    versions: DIGEST_VERSIONS,
    steps: (version) => [
      upload(version, [["Repr-Digest", sha256(TEXT)]]),
      append(version, 0, false, "hello", [done]),
      append(version, 5, true, " world", [done]),
    ],
  },
  {
    id: "R18e",
    level: "SHOULD",
    source: "Representation Digests",
    clause: "who wants a Repr-Digest has it once the upload is complete",
    versions: DIGEST_VERSIONS,
    steps: (version) => [
      upload(version, [["Want-Repr-Digest", "sha-256=10"]]),
      append(version, 0, true, TEXT, [done, header("Repr-Digest", sha256(TEXT))]),
    ],
  },
];
