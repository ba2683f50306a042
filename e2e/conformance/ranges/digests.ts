// Digests of what is downloaded (RFC 9530).
import type { Row } from "../row.ts";
import { header, rowsOf, status } from "../write.ts";
import { get, range } from "./requests.ts";

const row = rowsOf("RFC 9530", ["file", "ranges"]);

export const DIGESTS: readonly Row[] = [
  row(
    "D9a",
    "MUST",
    "section 2",
    "Content-Digest covers the bytes of the range",
    [
      get(
        [range("0-9"), ["Want-Content-Digest", "sha-256=10"]],
        [status(206), header("Content-Digest", "{tendigest}")],
      ),
    ],
    ["content-digest"],
  ),
  row(
    "D9b",
    "MUST",
    "section 2",
    "Content-Digest of the whole covers the whole",
    [
      get(
        [["Want-Content-Digest", "sha-512=3, sha-256=10"]],
        [status(200), header("Content-Digest", "{alldigest}")],
      ),
    ],
    ["content-digest"],
  ),
  row(
    "D9c",
    "MUST",
    "section 3",
    "Repr-Digest covers the whole, whichever range comes",
    [
      get(
        [["Want-Repr-Digest", "sha-256=10"]],
        [status(200), header("Repr-Digest", "{alldigest}")],
      ),
      get(
        [range("0-9"), ["Want-Repr-Digest", "sha-256=10"]],
        [status(206), header("Repr-Digest", "{alldigest}")],
      ),
    ],
    ["repr-digest"],
  ),
  row("D9d", "MUST", "section 4", "a wish that cannot be read does no harm", [
    get([["Want-Content-Digest", "?!=,"]], [status(200)]),
  ]),
];
