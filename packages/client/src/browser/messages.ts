// What a page and the engine of its transfers tell each other: plain data, since errors and functions do not travel between threads.
import { type ErrorCode, type ErrorDetails, HoldfastError } from "@holdfast/protocol";
import type { SignedPart } from "../direct/sign-rest.ts";
import type { DownloadOptions } from "../download.ts";
import type { PublicState, TransferEvents } from "../events.ts";
import type { Result } from "../state.ts";
import type { UploadOptions } from "../upload.ts";
import type { Place } from "./target.ts";
import type { Unfinished } from "./unfinished.ts";
import type { UnfinishedDownload } from "./unfinished-downloads.ts";

/** What the page's options say for all of its transfers. */
export interface Settings {
  readonly inFlight?: number;
  readonly memory?: number;
  readonly limitRate?: number;
  /** Who uses the page, where several people share a browser: a text of the page's own. What one of them began, no other sees or goes on with. */
  readonly owner?: string;
}

/** Which tab does the work of an upload. */
export type Where = "here" | "elsewhere";

/** A token that a function of the page gives is asked for by message. */
export interface SentUpload {
  readonly blob: Blob;
  /** What leads back to the file after a reload, where the browser gave that. */
  readonly handle: FileSystemFileHandle | undefined;
  /** Where it lies in a folder; undefined where it came without one, or says so itself. */
  readonly path: string | undefined;
  /** Of an earlier upload that this file is to go on with; its own where undefined. */
  readonly identity: string | undefined;
  readonly options: Omit<UploadOptions, "token">;
  readonly token: string | "ask" | undefined;
}

export interface SentDownload {
  /** Absolute. */
  readonly url: string;
  readonly options: Omit<DownloadOptions, "token" | "url">;
  readonly token: string | "ask" | undefined;
  readonly place: Place;
}

export type ToEngine =
  | { readonly type: "begin"; readonly settings: Settings }
  | { readonly type: "upload"; readonly id: number; readonly upload: SentUpload }
  | { readonly type: "download"; readonly id: number; readonly download: SentDownload }
  /** What downloads have kept that the page still has, as an engine before this one knew: a name for each of them. */
  | { readonly type: "keep"; readonly working: readonly string[] }
  /** What a download has kept is of no more use. */
  | { readonly type: "drop"; readonly question: number; readonly working: string }
  /** What can be gone on with; that one of them is to be forgotten. */
  | { readonly type: "list"; readonly question: number }
  | {
      readonly type: "forget";
      readonly question: number;
      readonly key: string;
      readonly identity: string;
    }
  | {
      readonly type: "forget download";
      readonly question: number;
      readonly key: string;
      readonly root: string;
    }
  /** What brings the rest of an upload, if it leads to the page's own origin. */
  | {
      readonly type: "sign";
      readonly question: number;
      readonly id: number;
      readonly origin: string;
    }
  /** The page wants to know of what other tabs begin. */
  | { readonly type: "listen" }
  /** The page is looked at again, which the engine cannot see. */
  | { readonly type: "hint" }
  /** Nobody listens any more: whatever runs ends where it is, to be gone on with. */
  | { readonly type: "end" }
  | { readonly type: "pause" | "resume" | "abort"; readonly id: number }
  | { readonly type: "token"; readonly question: number; readonly token: string }
  | { readonly type: "no token"; readonly question: number; readonly error: SentError };

/** Events other than `error`, which is told by `failed`. */
export type PlainEvents = Omit<TransferEvents, "error">;
export type SentEvent = {
  [Name in keyof PlainEvents]: { readonly name: Name; readonly value: PlainEvents[Name] };
}[keyof PlainEvents];

export type ToPage =
  | { readonly type: "ready" }
  | { readonly type: "event"; readonly id: number; readonly event: SentEvent }
  | { readonly type: "where"; readonly id: number; readonly where: Where }
  | { readonly type: "complete"; readonly id: number; readonly result: Brought }
  | {
      readonly type: "failed";
      readonly id: number;
      readonly state: PublicState;
      readonly error: SentError;
    }
  | {
      readonly type: "unfinished";
      readonly question: number;
      readonly found: Found;
    }
  | {
      readonly type: "signed";
      readonly question: number;
      readonly signed: readonly SignedPart[];
    }
  | { readonly type: "other"; readonly one: Unfinished }
  | { readonly type: "refused"; readonly question: number; readonly error: SentError }
  | { readonly type: "ask token"; readonly id: number; readonly question: number };

/** What can be gone on with. */
export interface Found {
  readonly uploads: readonly Unfinished[];
  readonly downloads: readonly UnfinishedDownload[];
}

/** What a transfer ends with. `file`: what a download has kept, to be saved, under the name of the working file. */
export interface Brought extends Result {
  readonly file?: File;
}

/** As much of an error as can be told. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** Details are data; what of them cannot travel would take the whole message down. */
export function encodeError({ code, message, details }: HoldfastError): SentError {
  const plain = Object.entries(details).filter(([, value]) => isPlain(value));
  return { code, message, details: Object.fromEntries(plain) };
}

export function decodeError({ code, message, details }: SentError): HoldfastError {
  return new HoldfastError(code, message, details);
}

function isPlain(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}
