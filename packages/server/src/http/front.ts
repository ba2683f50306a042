// What the HTTP front works with, and what a handler is.
import type { Clock, Digests, Engine, Log, Policy, Principal, Random } from "@holdfast/engine";
import type { ClockGuard } from "../clock-guard.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Gauges, Meter } from "../metrics/meter.ts";
import type { Cors } from "./cors.ts";
import type { InFlight } from "./in-flight.ts";
import type { Replies } from "./replies.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";
import type { ReadLink } from "./signed/read-link.ts";
import type { Trust } from "./trust.ts";

export interface Front {
  readonly engine: Engine;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly digests: Digests;
  readonly random: Random;
  readonly log: Log;
  readonly inFlight: InFlight;
  readonly replies: Replies;
  readonly cors: Cors;
  readonly trust: Trust;
  /** Whether downloads are led to the store that has the bytes. */
  readonly redirectsReads?: boolean;
  /** Where nginx in front keeps what is stored to itself: then it sends files; undefined where this server does. */
  readonly accelPrefix?: string | undefined;
  readonly meter: Meter;
  /** What addresses are signed with now. @throws HoldfastError `storage_failed` where that cannot be known. */
  readonly keys: () => Keyring;
  readonly about: About;
  /** Whether the clock is believed. */
  readonly guard: ClockGuard;
  /** Resolves if the storage answers. @throws what it met */
  look(): Promise<void>;
  /** What bodies take of the memory now. */
  load(): Pick<Gauges, "slotsLent" | "slotsWaiting">;
  /** True once the server is told to stop. */
  isClosing(): boolean;
}

/** What the server says of itself on its page. */
export interface About {
  readonly version: string;
  /** Milliseconds by `Clock.monotonic`. */
  readonly startedAt: number;
  /** How bytes are kept: on a disk, past its cache or through it, or in an object store. */
  readonly io: "direct" | "buffered" | "store";
  /** Whether nobody comes in without a token: true from the moment that somebody makes one. */
  needsToken(): boolean;
  /** Where it listens, such as http://127.0.0.1:8420: known only once it does. */
  url(): string;
}

export interface Call {
  readonly request: Request;
  /** The variable segments of the path, decoded, in order. */
  readonly params: readonly string[];
  readonly principal: Principal;
  /** The link that it came by. */
  readonly link?: ReadLink | undefined;
}

/** Does one request and says what to answer; throws HoldfastErrors. */
export type Handler = (front: Front, call: Call) => Promise<Reply>;
