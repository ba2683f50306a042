// The ports of the client: everything a transfer knows of the network, files, time and chance.
import type { Algorithm } from "@holdfast/protocol";
import type { MemoryKind } from "./buffers.ts";
import type { LineMemory } from "./recall.ts";
import type { Share } from "./share.ts";

/** What carries a request: made for it, or one that has carried others before. */
export type Connection = "made" | "reused";

/** What a request sends: memory, one piece after another, or what a browser reads by itself. */
export type Body = readonly Uint8Array[] | Blob;

/** One HTTP request. */
export interface TransportRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Memory is sent straight from where it is; whoever asks leaves it as it is until `request` has settled. */
  readonly body?: Body;
  /**
   * Of a request for many bytes: where those from byte `at` of the answer's body on may be put, or undefined where there is no place for them. A transport that can
   * puts the next piece there, and hands over a view of it; any other leaves this alone.
   */
  readonly room?: (at: number) => Uint8Array | undefined;
  /** Ends the request: `request` and `read` reject with the signal's reason. */
  readonly signal: AbortSignal;
  /** Asked before each piece of the body: how many of `wanted` bytes may go now, at least 1. */
  readonly grant: (wanted: number) => number | Promise<number>;
  /** Told once, when the request has its connection. A transport that cannot know of that, as in a browser, never tells. */
  readonly onConnected: (connection: Connection) => void;
  /** Tells how many more bytes of the body were given to the network. */
  readonly onSent: (bytes: number) => void;
}

export interface TransportResponse {
  readonly status: number;
  /** A header's value by its lower-case name. */
  header(name: string): string | undefined;
  /**
   * Hands over the body piece by piece, the next one once `take` is done with the last; resolves at the body's end. A piece is valid until `take` is
   * done with it. Settles, whichever way, only when no `take` is running. Once only. @throws HoldfastError `connection_failed` where the body is cut short.
   */
  read(take: (piece: Uint8Array) => void | Promise<void>): Promise<void>;
}

/** HTTP as it is: no retries, no redirects, no time limits of its own but for connecting. */
export interface Transport {
  /** Whether it can be led to another server, and told where that is. A page is not. */
  readonly tellsWhereTo?: true;
  /**
   * Sends a request once more by itself where its connection breaks, all of its body, and tells nobody: browsers do, on every connection that has carried an answer
   * before. Then a cut costs a run, not a part.
   */
  readonly mayRepeat: boolean;
  /**
   * Resolves when the response's head is there, and for a request with a body not before the transport has let go of its memory, even
   * where the answer came early. Rejects under the same condition. May be repeated as far as HTTP lets the method be.
   *
   * @throws HoldfastError `connection_failed` (with `details.refused` where nothing listens there), `certificate_untrusted`.
   */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Requests for many bytes at this address are about to come: a connection for them may be made. Never throws, and nobody waits for it. */
  prepare?(url: string): void;
  /** Closes idle connections. May be repeated. */
  close(): void;
}

/** Cheap identity of a source, never trusted as content. */
export interface Fingerprint {
  /** In bytes. */
  readonly size: number;
  /** Last change, in milliseconds since 1970 by the clock of whoever wrote it; anybody who may write can set it back. */
  readonly mtimeMs: number;
  /** Last change of content, name or rights, in milliseconds since 1970; nobody can set it. */
  readonly ctimeMs: number;
  /** The file system's own number: another file of the same name has another. 0 where nobody tells, as in a browser; then `ctimeMs` is only `mtimeMs` again. */
  readonly ino: number;
}

/** Whether bytes that were changed, and their time of change set back, would show. Where they would not, only reading them tells. */
export function showsChanges({ ino }: Fingerprint): boolean {
  return ino !== 0;
}

/** Bytes in memory of a source's own. */
export interface Loaded {
  readonly bytes: Uint8Array;
  /** Sends the same bytes, and does not need the memory for that. */
  readonly body: Blob;
  /** Ends the use of `bytes`. */
  free(): void;
}

/** Where an upload reads. Open for as long as the transfer lives. */
export interface Source {
  readonly name: string;
  /** Names this source on this machine and stays the same from one process to the next; an absolute path for instance. */
  readonly identity: string;
  /** As it was when the source was opened. */
  readonly fingerprint: Fingerprint;
  /**
   * Fills `into` with the bytes from `offset` on. May be repeated and run several times at once.
   * @throws HoldfastError `source_changed` where there are not as many bytes any more, `source_unreadable` for anything else.
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** The same, by a source that cannot read into memory of anybody else's, and whose bytes need not be in memory to be sent. @throws HoldfastError as `read` */
  load?(offset: number, size: number): Promise<Loaded>;
  /** Whether size or time of change differ from the fingerprint now. @throws HoldfastError `source_unreadable` */
  isChanged(): Promise<boolean>;
  /** Resolves when it is released. May be repeated. */
  close(): Promise<void>;
}

/** What a sink has of a file that is not whole. */
export interface Working {
  /** In bytes. */
  readonly size: number;
  /** Differs from an earlier one where anything was written since, or it is another file. */
  readonly mark: string;
  /** What was noted last, if anything. */
  readonly note: string | undefined;
}

/** Judges the bytes of a file once more, part by part, where a sink copies them. */
export interface PartCheck {
  /** In bytes; the last part is shorter. */
  readonly partSize: number;
  /** @throws HoldfastError `sink_failed` where the part is not what was verified, the reason of whoever has called it off */
  judge(index: number, bytes: Uint8Array): Promise<void>;
}

/** Where a download writes: a file under a working name, renamed to its own when it is whole, or a copy that is there. All errors are HoldfastErrors `sink_failed`, `sink_full` or `sink_denied` unless said. */
export interface Sink {
  /** Names the target on this machine, for the claim that keeps a second process out. */
  readonly identity: string;
  /** Where bytes lie before the target is whole: `beside` it under another name, or in the target `itself`, which is a copy that is to be repaired. */
  readonly working: "beside" | "itself";
  /** The memory that it costs least to write from; any other will do too. */
  readonly memory: MemoryKind;
  /** Size of what has the target's own name already, or undefined. */
  existingSize(): Promise<number | undefined>;
  /**
   * Opens the working file of the content with this root, in hexadecimal, made if need be. May be repeated. What else is
   * downloaded to the same target has another working file, so that neither spoils the other.
   *
   * @param size Of the whole content, in bytes: whoever knows that there is no room for it says so.
   * @throws HoldfastError `sink_unsupported` where nothing can be written here
   */
  open(root: string, size: number): Promise<Working>;
  /** Fills `into` from `offset` of the target (`whole`) or the working file (`working`); resolves with the number of bytes read. May be repeated. */
  read(file: "whole" | "working", offset: number, into: Uint8Array): Promise<number>;
  /** Writes all the bytes at `offset` of the working file. Resolves when the memory may be used again. May be repeated and run several times at once. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * Flushes all that was written by now, then keeps a text beside it, in the place of the one before: made from the mark of the file after that flush. Resolves when
   * it survives power loss. A sink that keeps none resolves at once. Not twice at once. @throws HoldfastError `checkpoint_failed` where only the text could not be kept
   */
  note(make: (mark: string) => string): Promise<void>;
  /**
   * Cuts to `size`, flushes, gives it the target's name in one step; what has that name is left (`keep`) or replaced. Resolves when that survives power loss.
   * One whose target is elsewhere copies, and has every part judged on its way. May be repeated where it rejects.
   * @throws HoldfastError `sink_exists`, what `check` does
   */
  commit(size: number, existing: "keep" | "replace", check: PartCheck): Promise<void>;
  /** Removes the working file of the content with this root and what was noted of it; nothing there is fine. */
  discard(root: string): Promise<void>;
  /** Resolves when it is released; the working file stays. May be repeated. */
  close(): Promise<void>;
}

export interface Kept {
  readonly key: string;
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/** A process that is at a transfer. */
export interface Holder {
  /** Undefined where it is not known. */
  readonly pid: number | undefined;
}

/** The client's durable resume records: texts by key. */
export interface CheckpointStore {
  /** @throws HoldfastError `checkpoint_failed` */
  load(key: string): Promise<string | undefined>;
  /** Resolves when it survives power loss; replaces what was there as a whole. @throws HoldfastError `checkpoint_failed` */
  save(key: string, value: string): Promise<void>;
  /** Nothing there is fine. @throws HoldfastError `checkpoint_failed` */
  remove(key: string): Promise<void>;
  /** Everything that is kept, the latest last. @throws HoldfastError `checkpoint_failed` */
  list(): Promise<readonly Kept[]>;
  /**
   * Takes the exclusive right to transfer what `key` names until the returned function is called or this process ends, however it ends.
   * @throws HoldfastError `transfer_busy` where somebody else has it; `details.pid` says who, if that is known.
   */
  claim(key: string): Promise<() => void>;
  /** Who has that right now, or undefined where nobody has. @throws HoldfastError `checkpoint_failed` */
  holder(key: string): Promise<Holder | undefined>;
  /**
   * Tells of records that were found damaged and begun anew, each time to one listener only, and to the next one where there is none; the returned function takes
   * the listener off.
   */
  onDamage(listener: (detail: string) => void): () => void;
  /** May be repeated. */
  close(): void;
}

export interface Clock {
  /** Milliseconds since 1970, for records. May jump. */
  now(): number;
  /** Milliseconds that never go back, for measuring. */
  monotonic(): number;
  /** Calls `task` once after `ms`; the returned function calls it off. */
  after(ms: number, task: () => void): () => void;
}

export interface Random {
  /** Unpredictable bytes. */
  bytes(size: number): Uint8Array;
}

/** A SHA-256 of bytes that come one after another. */
export interface Hasher {
  /** Takes the bytes at once: they may be changed when it returns. */
  update(bytes: Uint8Array): void;
  /** Once, at the end. */
  digest(): Uint8Array;
}

/** Digests, by the platform. */
export interface Digester {
  /** Of a few bytes: trees and checkpoints hash many of these in a row. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** Of a part. May be slow and elsewhere (a browser), or done when it returns (Node); the bytes stay as they are until then. */
  digest(bytes: Uint8Array, algorithm: Algorithm): Uint8Array | Promise<Uint8Array>;
  /** For a file as a whole. */
  hasher(): Hasher;
}

/** All that both directions need. */
export interface Ports {
  readonly transport: Transport;
  readonly checkpoints: CheckpointStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly digester: Digester;
  readonly share: Share;
  readonly lines: LineMemory;
  /** A text that no other device or profile has, and the same one after every restart as far as that can be kept. Never rejects. */
  readonly place: () => Promise<string>;
}
