// tus 1.0: creation-defer-length.
import type { Row } from "../row.ts";
import { absent, header, rowsOf, status } from "../write.ts";
import { appended, deferred, head, offsetIs, patch, stays, TEXT, upload } from "./requests.ts";

const row = rowsOf("tus 1.0.0", ["creation"]);

const DEFER = ["creation-defer-length"];

export const DEFERRED: readonly Row[] = [
  row(
    "N5a",
    "MUST",
    "Creation, POST",
    "HEAD has Upload-Defer-Length: 1 until the size is known",
    [deferred("a"), head("a", [status(200, 204), offsetIs(0), header("Upload-Defer-Length", "1")])],
    DEFER,
  ),
  row(
    "N5b",
    "MUST",
    "Upload-Defer-Length",
    "HEAD has no Upload-Defer-Length where the size is known",
    [upload("a", 11), head("a", [status(200, 204), absent("Upload-Defer-Length")])],
    DEFER,
  ),
  row(
    "N5c",
    "MUST",
    "Creation, POST",
    "Upload-Length on a PATCH sets the size",
    [
      deferred("a"),
      patch("a", 0, "hello", [status(204), offsetIs(5)]),
      patch("a", 5, " w", [status(204), offsetIs(7)], { fields: [["Upload-Length", "11"]] }),
      head("a", [header("Upload-Length", "11"), absent("Upload-Defer-Length"), offsetIs(7)]),
      patch("a", 7, "orld", [status(204), offsetIs(11)]),
    ],
    DEFER,
  ),
  row(
    "N5d",
    "MUST",
    "Creation, POST",
    "a size that is set does not change: 400",
    [
      deferred("a"),
      appendedWith("a", 0, "hello", "11"),
      patch("a", 5, " world", [status(400)], { fields: [["Upload-Length", "12"]] }),
      head("a", [header("Upload-Length", "11"), offsetIs(5)]),
    ],
    DEFER,
  ),
  row(
    "N5e",
    "CUSTOM",
    "Creation, POST",
    "a size below the offset is 400",
    [
      deferred("a"),
      appended("a", 0, "hello"),
      patch("a", 5, "", [status(400)], { fields: [["Upload-Length", "4"]] }),
      stays("a", 5),
    ],
    DEFER,
  ),
  row(
    "N5g",
    "CUSTOM",
    "Creation, POST",
    "a size that was set at creation does not change, either",
    [
      upload("a", 11),
      patch("a", 0, "hello", [status(400)], { fields: [["Upload-Length", "12"]] }),
      head("a", [header("Upload-Length", "11"), offsetIs(0)], { withinMs: 5_000 }),
    ],
  ),
  row(
    "N5f",
    "MUST",
    "Creation, POST",
    "an empty PATCH with only Upload-Length ends the upload",
    [
      deferred("a"),
      appended("a", 0, TEXT),
      patch("a", 11, "", [status(204), offsetIs(11)], { fields: [["Upload-Length", "11"]] }),
      head("a", [offsetIs(11), header("Upload-Length", "11"), absent("Upload-Defer-Length")]),
    ],
    DEFER,
  ),
];

function appendedWith(name: string, offset: number, body: string, size: string) {
  return {
    ...patch(name, offset, body, [status(204)], { fields: [["Upload-Length", size]] }),
    isGiven: true,
  };
}
