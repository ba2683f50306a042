// An upload that the browser itself sends, while no page need be there: handed over, found again, taken back. Loaded by pages that have a service worker.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { SignedPart } from "../direct/sign-rest.ts";
import type { PublicState } from "../events.ts";

/** As much of Background Fetch as is used: no library of types has it. */
interface Fetches {
  fetch(id: string, requests: readonly Request[], options: BackgroundOptions): Promise<Fetching>;
  get(id: string): Promise<Fetching | undefined>;
}

/** The browser may be ended and begun anew: it is still at it. */
interface Fetching extends EventTarget {
  /** In bytes. */
  readonly uploaded: number;
  /** Empty while it is at it. */
  readonly result: "" | "success" | "failure";
  readonly failureReason: string;
  abort(): Promise<unknown>;
}

/** What the browser shows a person of it, in its own words besides. */
export interface BackgroundOptions {
  readonly title: string;
  readonly icons?: readonly { readonly src: string; readonly sizes?: string }[];
}

export interface BackgroundParts {
  /** Names the upload, in every page of the site. */
  readonly id: string;
  readonly file: Blob;
  readonly registration: object;
  /** Pauses the upload; resolves with what brings the rest of it. */
  readonly sign: () => Promise<readonly SignedPart[]>;
  /** To the engine. */
  readonly command: (what: "pause" | "resume") => void;
  readonly show: (where: "background" | "here") => void;
  /** Bytes that the browser has sent: a hint. */
  readonly sent: (bytes: number) => void;
}

export interface Background {
  readonly id: string;
  /** @throws HoldfastError `background_unsupported`; `aborted` where somebody wants it back meanwhile; what signing met */
  handOver(options: BackgroundOptions): Promise<void>;
  /** Waits for the browser where another page, or an earlier one, has handed it over. */
  find(): Promise<void>;
  /** What the upload is in now. */
  note(state: PublicState): void;
  /** The service worker says that the browser is done with it, well or not. */
  ended(): void;
  /** The page is looked at again. */
  hint(): Promise<void>;
  /** The browser has it, or is about to. */
  isOut(): boolean;
  /** Resolves when the browser sends nothing of it any more. */
  takeBack(): Promise<void>;
}

export function createBackground(parts: BackgroundParts): Background {
  const { id, file, registration, sign, command, show, sent } = parts;
  const fetches = "backgroundFetch" in registration ? registration.backgroundFetch : undefined;
  let held: Fetching | undefined;
  /** It is being handed over: who wants it back meanwhile, calls that off. */
  let handing: AbortController | undefined;
  let state: PublicState = "opening";

  function look(): void {
    if (!held) return;
    const { result, failureReason, uploaded } = held;
    if (result === "") {
      sent(uploaded);
      return;
    }
    letGo();
    // Who calls it off where the browser shows it does not want it sent. Whatever else came of it, the server knows.
    if (failureReason !== "aborted") command("resume");
  }

  /** Resolves when the browser sends nothing of it any more. */
  async function takeBack(): Promise<void> {
    handing?.abort(new HoldfastError("aborted"));
    const fetching = held;
    if (!fetching) return;
    letGo();
    // One that has ended by now cannot be called off, and need not.
    await fetching.abort().catch(() => undefined);
  }

  async function hold(fetching: Fetching, by: Fetches): Promise<void> {
    held = fetching;
    show("background");
    held.addEventListener("progress", look);
    look();
    await check(by);
  }

  /** What ended before anybody listened, or while the page was stopped, is told to nobody: then there is none of that name any more. */
  async function check(by: Fetches): Promise<void> {
    const fetching = held;
    const still = await by.get(id).catch(() => fetching);
    if (!still && held === fetching && held) ended();
  }

  function ended(): void {
    const wasHeld = held !== undefined;
    if (wasHeld) letGo();
    if (wasHeld || (!handing && state === "paused")) command("resume");
  }

  function letGo(): void {
    held?.removeEventListener("progress", look);
    held = undefined;
    show("here");
  }

  async function hand(to: Fetches, options: BackgroundOptions, signal: AbortSignal): Promise<void> {
    const signed = await sign();
    signal.throwIfAborted();
    const requests = signed.map((one) => requestOf(one, file));
    const fetching = await to.fetch(id, requests, options).catch((error: unknown) => {
      const why = `the browser does not take it: ${String(error)}`;
      throw new HoldfastError("background_unsupported", why, {}, error);
    });
    if (!signal.aborted) return hold(fetching, to);
    await fetching.abort();
    throw signal.reason;
  }

  return {
    id,
    isOut: () => held !== undefined || handing !== undefined,
    async handOver(options) {
      if (!isFetches(fetches)) {
        const why = "the browser has no Background Fetch, or not for this page";
        throw new HoldfastError("background_unsupported", why);
      }
      if (held || handing) return;
      handing = new AbortController();
      const { signal } = handing;
      const before = state;
      command("pause");
      try {
        await hand(fetches, options, signal);
      } catch (error) {
        // Who has called it off has said what is to become of it.
        if (!signal.aborted && before !== "paused") command("resume");
        throw toHoldfastError(error);
      } finally {
        handing = undefined;
      }
    },
    async find() {
      if (!isFetches(fetches)) return;
      if (held) {
        show("background");
        return check(fetches);
      }
      const found = await fetches.get(id).catch(() => undefined);
      if (found?.result !== "" || held || handing) return;
      command("pause");
      await hold(found, fetches);
    },
    note(next) {
      const before = state;
      state = next;
      // Somebody in another tab wants it sent there.
      if (before === "paused" && next !== "paused") void takeBack();
    },
    ended,
    async hint() {
      if (held && isFetches(fetches)) await check(fetches);
    },
    takeBack,
  };
}

/** Nothing goes along but what was signed: no token, no cookies. */
function requestOf({ url, method, headers, offset, size }: SignedPart, file: Blob): Request {
  const body = file.slice(offset, offset + size);
  return new Request(url, { method, headers, body, credentials: "omit", redirect: "error" });
}

function isFetches(value: unknown): value is Fetches {
  return typeof value === "object" && value !== null && "fetch" in value && "get" in value;
}
