// Which version of Resumable Uploads for HTTP a request speaks: it says so itself, as long as there is no RFC.
import type { HeaderOf } from "./append.ts";
import { DRAFT_3 } from "./draft-3.ts";
import { DRAFT_5 } from "./draft-5.ts";
import { DRAFT_6 } from "./draft-6.ts";
import { DRAFT_8 } from "./draft-8.ts";
import type { ResumableCodec } from "./resumable.ts";
import { decodeInteger } from "./structured-item.ts";

const FIELD = "upload-draft-interop-version";

const VERSIONS: ReadonlyMap<number, ResumableCodec> = new Map([
  [3, DRAFT_3],
  [5, DRAFT_5],
  [6, DRAFT_6],
  [8, DRAFT_8],
  // Counted on with draft -12; what a server says has not changed since the text that 8 was read from, which was on its way there.
  [9, DRAFT_8],
]);

export interface SpokenVersion {
  readonly codec: ResumableCodec;
  /** The version in so many words, on every response; and only who has named one that we speak understands interim responses. */
  readonly stamp: Readonly<Record<string, string>> | undefined;
}

/** A version that is missing, malformed or not spoken here is answered as the newest, without interim responses: no client is left without its upload. */
export function spokenVersion(header: HeaderOf): SpokenVersion {
  const interop = decodeInteger(header(FIELD));
  const codec = interop === undefined ? undefined : VERSIONS.get(interop);
  return codec
    ? { codec, stamp: { [FIELD]: String(interop) } }
    : { codec: DRAFT_8, stamp: undefined };
}
