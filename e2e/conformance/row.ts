// What a row of the suite is: a clause of a specification, the requests that try it, and what must come back. Data; nothing here runs.
import type { Field } from "./message.ts";

export interface Row {
  /** Stands for the clause in reports and in the lists of what a server is known to fail; never given to another one. */
  readonly id: string;
  readonly clause: string;
  /** The section of the specification that says so. */
  readonly source: string;
  /** CUSTOM: the specification is silent, and clients count on what servers do. */
  readonly level: "MUST" | "SHOULD" | "CUSTOM";
  /** What a server must announce for the clause to bind it; without one of them the row is "not offered". */
  readonly needs: readonly string[];
  /** Waits for what a server does by time: it runs beside the others. */
  readonly isSlow?: true;
  readonly steps: readonly Step[];
}

export type Step = Ask | Settle;

/** One request on a connection of its own. */
export interface Ask {
  readonly kind: "ask";
  /** Only leads to what the clause is about: where it fails, the clause could not be tried. */
  readonly isGiven: boolean;
  readonly method: string;
  /** `{a}` is where the upload that was saved as `a` is, `{a.content}` where its bytes are, `{here}` where uploads are created; `*` is the server as a whole. */
  readonly to: string;
  /** In values `{a}` as in `to`, `{a.path}` its path alone, `{max}` the server's largest size, `{max+1}` one more, a saved offset by its name. */
  readonly fields: readonly Field[];
  /** ASCII: a byte a character. */
  readonly body: string;
  readonly sending: Sending;
  readonly expect: readonly Check[];
  /** Keeps the `Location` of the answer under that name, and its `Content-Location`. */
  readonly save?: string;
  /** Keeps its `Upload-Offset` under that name. */
  readonly saveOffset?: string;
  /** The request is repeated until what is expected comes, at most so long. Only where a server may need time by right. */
  readonly withinMs?: number;
}

/** How the body goes out. */
export type Sending =
  | { readonly kind: "length" }
  /** `Transfer-Encoding: chunked`, with trailers if there are any. */
  | { readonly kind: "chunked"; readonly trailers: readonly Field[] }
  /** The body is the beginning of `size` announced bytes, then the connection ends. */
  | { readonly kind: "cut"; readonly size: number }
  /** The same, but it stays open: `name` settles it. */
  | {
      readonly kind: "held";
      readonly size: number;
      readonly name: string;
      /** How long its answer may take, where it is the time that the row is about. */
      readonly patienceMs?: number;
    }
  /** The body waits for 100 Continue, or for a final answer. */
  | { readonly kind: "continue" }
  /** Chunked, the body again and again until an interim answer carries that header, at most `times`. */
  | { readonly kind: "trickle"; readonly until: string; readonly times: number }
  /** Chunked, the body again and again, that many times or until there is an answer. */
  | { readonly kind: "repeat"; readonly times: number }
  /** The same, until it is just beyond the server's largest size. Far more would be cut off, and the cut may overtake the refusal. */
  | { readonly kind: "exceed" };

/** Looks at what a held request was answered, after the steps before. */
export interface Settle {
  readonly kind: "settle";
  readonly name: string;
  readonly expect: readonly Check[];
}

/** What must be true of an answer. */
export type Check =
  | { readonly kind: "status"; readonly anyOf: readonly number[] }
  | { readonly kind: "header"; readonly name: string; readonly value: Match }
  | { readonly kind: "absent"; readonly name: string }
  /** An interim answer of that status with that header; with "" whatever it has. */
  | {
      readonly kind: "interim";
      readonly status: number;
      readonly name: string;
      readonly value: Match;
    }
  /** None of the interim answers of that status has the header; with "" there is none at all. */
  | { readonly kind: "noInterim"; readonly status: number; readonly name: string }
  /** A member of a JSON body. */
  | { readonly kind: "member"; readonly name: string; readonly value: Match }
  /** A request that was ended for another one: no answer, a refusal, or a success that counts no further than that offset. */
  | { readonly kind: "notBeyond"; readonly offset: number }
  /** The server has ended it by itself: refused, or closed its connection. */
  | { readonly kind: "ended" }
  /** A header that need not be there, and has that value where it is. */
  | { readonly kind: "perhaps"; readonly name: string; readonly value: Match }
  /** The whole body. */
  | { readonly kind: "body"; readonly text: string }
  /** The body is that slice of the file's content, as `String.slice` takes it. */
  | { readonly kind: "slice"; readonly start: number; readonly end?: number | undefined }
  /** The body is a multipart/byteranges of just these slices, in that order. */
  | { readonly kind: "byteranges"; readonly slices: readonly Slice[] }
  /** The body is not larger than the file, but for what a few parts need around them. */
  | { readonly kind: "notLarger" };

export type Slice = readonly [start: number, end: number | undefined];

export type Match =
  | { readonly kind: "any" }
  | { readonly kind: "is"; readonly text: string }
  | { readonly kind: "looks"; readonly like: RegExp; readonly what: string }
  /** A comma list has that member; case does not count. */
  | { readonly kind: "lists"; readonly member: string }
  /** An RFC 9110 date in its one preferred form. */
  | { readonly kind: "date" }
  /** A dictionary of structured fields, not empty, with integers under the names that limits have. */
  | { readonly kind: "limits" }
  /** A number, and not above the largest size that the server announces. */
  | { readonly kind: "withinMax" }
  /** Leads to the same place as the saved upload. */
  | { readonly kind: "leads"; readonly name: string };
