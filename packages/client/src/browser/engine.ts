// The engine of a page's transfers: reads, digests and sends for all of them, on whatever thread it is started, and tells the page by messages.
import { type ErrorCode, encodeHex, HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Transfer, WatchedTransfer } from "../events.ts";
import { IN_FLIGHT, MEMORY } from "../line.ts";
import type { Ports, Source } from "../ports.ts";
import { createShare } from "../share.ts";
import { startUpload } from "../upload.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import { createClaims } from "./claims.ts";
import { createDatabase, type Database } from "./database.ts";
import { createBrowserDigester } from "./digester.ts";
import { watchExpiry } from "./expiry.ts";
import { createHandles } from "./handles.ts";
import { watchHints } from "./hints.ts";
import { openKeptSource } from "./kept-source.ts";
import {
  decodeError,
  encodeError,
  type SentEvent,
  type SentUpload,
  type Settings,
  type ToEngine,
  type ToPage,
} from "./messages.ts";
import { createOrigins, type Origins } from "./origins.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { type SharedUpload, shareUpload } from "./shared-upload.ts";
import { openBlobSource } from "./source.ts";
import { createTabChannel, openWire } from "./tab-channel.ts";
import { countTabs } from "./tabs.ts";
import { createBrowserTransport } from "./transport.ts";
import { createTurns, type Turn } from "./turns.ts";
import { forgetOne, listHere, type Unfinished } from "./unfinished.ts";

/** Of all runs in flight, in all tabs, in bytes: what the browser reads into and what it digests from is as much again. */
const HELD: number = MEMORY / 2;
/** Of this origin's checkpoints. */
const DATABASE = "holdfast";

/** Serves the page at the other end of the port. */
export function serveEngine(port: MessagePort): void {
  let receive: ((message: ToEngine) => void) | undefined;
  port.onmessage = ({ data }: MessageEvent<ToEngine>) => {
    if (data.type !== "begin") return receive?.(data);
    receive = createEngine(port, data.settings);
    port.postMessage({ type: "ready" } satisfies ToPage);
  };
}

interface Page {
  postMessage(message: ToPage): void;
}

function createEngine(page: Page, settings: Settings): (message: ToEngine) => void {
  const origins = createOrigins();
  const database = createDatabase(DATABASE, browserClock);
  const handles = createHandles(browserClock, database);
  let isEnded = false;
  const ports = browserPorts(settings, { origins, database, isEnded: () => isEnded });
  const kept = { ...ports, handles };
  const transfers = new Map<number, WatchedTransfer>();
  const shared = new Map<number, SharedUpload>();
  const channel = createTabChannel(openWire());
  const takeTurn = createTurns();
  const questions = new Map<number, PromiseWithResolvers<string>>();
  let lastQuestion = 0;

  function hint(): void {
    for (const transfer of transfers.values()) transfer.hint();
  }

  /** Each of them asks what is committed, meets the end there, and lets go of all that it has. */
  function end(): void {
    isEnded = true;
    unwatchHints();
    channel.close();
    for (const transfer of transfers.values()) {
      void transfer.pause();
      transfer.resume();
    }
  }

  function askToken(id: number): Promise<string> {
    lastQuestion++;
    const asked = Promise.withResolvers<string>();
    questions.set(lastQuestion, asked);
    page.postMessage({ type: "ask token", id, question: lastQuestion });
    return asked.promise;
  }

  function settle(question: number): PromiseWithResolvers<string> | undefined {
    const asked = questions.get(question);
    questions.delete(question);
    return asked;
  }

  /** Answers with what can be gone on with, or why that cannot be told. */
  function answer(question: number, found: Promise<readonly Unfinished[]>): void {
    found.then(
      (list) => page.postMessage({ type: "unfinished", question, found: list }),
      (error: unknown) => {
        const sent = encodeError(toHoldfastError(error));
        page.postMessage({ type: "refused", question, error: sent });
      },
    );
  }

  /** Its handle is kept before there is a checkpoint that it would be needed for. */
  async function open({ blob, handle, identity }: SentUpload): Promise<Source> {
    const openBlob = (one: Blob) => openBlobSource(one, { random: browserRandom, origins });
    const canFind = handle !== undefined && blob instanceof File;
    const source = canFind ? await openKeptSource(blob, handle, openBlob) : await openBlob(blob);
    const named = { ...source, identity: identity ?? source.identity };
    // Where it cannot be kept, neither can the checkpoint, which is told.
    if (canFind) await handles.keep(named.identity, handle).catch(() => undefined);
    return named;
  }

  function begin(id: number, sent: SentUpload): void {
    const { blob, options, token } = sent;
    let opened: Source | undefined;
    const turn = takeTurn(options.to);
    const common = {
      // Another tab that is at it does the same work: this one goes on with it should that one end.
      whenBusy: "wait" as const,
      ...(settings.inFlight === undefined ? {} : { inFlight: settings.inFlight }),
      ...(blob.type === "" ? {} : { type: blob.type }),
    };
    const source = token === "ask" ? () => askToken(id) : token;
    const share = shareUpload({
      ...{ channel, clock: browserClock, name: encodeHex(browserRandom.bytes(16)) },
      show: (event) => page.postMessage({ type: "event", id, event }),
      command: (what) => void transfer[what](),
    });
    const transfer = startUpload(
      async () => {
        await turn.come;
        // Who was paused meanwhile has nothing to do with it.
        if (transfer.state === "paused") turn.pass();
        opened = await open(sent);
        return opened;
      },
      { ...common, ...options, ...(source === undefined ? {} : { token: source }) },
      { ...ports, checkpoints: share.claiming(ports.checkpoints) },
    );
    transfers.set(id, transfer);
    shared.set(id, share);
    tellEvents(transfer, share.note);
    passTurn(transfer, turn);
    const unwatch = watchExpiry(browserClock, transfer, (detail) =>
      share.note({ name: "notice", value: { code: "upload_ended", detail } }),
    );
    transfer.done
      .then(
        (result) => page.postMessage({ type: "complete", id, result }),
        (error: unknown) => {
          const sent = encodeError(toHoldfastError(error));
          page.postMessage({ type: "failed", id, state: transfer.state, error: sent });
        },
      )
      .finally(() => {
        unwatch();
        share.leave();
        transfers.delete(id);
        shared.delete(id);
      });
    // Of one that has failed, it leads to what is gone on with.
    const forget = () => {
      const isOver = transfer.state === "complete" || transfer.state === "aborted";
      if (opened && isOver) void handles.forget(opened.identity);
    };
    transfer.done.then(forget, forget);
  }

  const line = "connection" in navigator ? navigator.connection : undefined;
  const place = { network: globalThis, line: line instanceof EventTarget ? line : undefined };
  const unwatchHints = watchHints({ ...place, clock: browserClock }, hint);
  return (message) => {
    switch (message.type) {
      case "begin":
        return;
      case "list":
        return answer(message.question, listHere(kept));
      case "forget":
        return answer(message.question, forgetOne(kept, message));
      case "hint":
        return hint();
      case "end":
        return end();
      case "upload":
        return begin(message.id, message.upload);
      case "token":
        return settle(message.question)?.resolve(message.token);
      case "no token":
        return settle(message.question)?.reject(decodeError(message.error));
      default:
        return shared.get(message.id)?.command(message.type);
    }
  };
}

/** What hinders all that go to one server: whoever meets it keeps the turn, since nobody else would do better. */
const AWAY: ReadonlySet<ErrorCode> = new Set(["connection_failed", "stalled", "not_holdfast"]);

/** Others go on while this one waits for something of its own, and once it has ended. */
function passTurn({ on, done }: Transfer, turn: Turn): void {
  on("state", (state) => {
    if (state === "paused") turn.pass();
    // It is over only when it has opened.
    else if (state === "ending") turn.leave();
  });
  on("retry", ({ code }) => {
    if (!AWAY.has(code)) turn.pass();
  });
  on("notice", ({ code }) => {
    if (code === "transfer_busy") turn.pass();
  });
  done.then(turn.leave, turn.leave);
}

/** What ends a transfer is told by how it ends. */
function tellEvents({ on }: Transfer, tell: (event: SentEvent) => void): void {
  on("created", (value) => tell({ name: "created", value }));
  on("progress", (value) => tell({ name: "progress", value }));
  on("part", (value) => tell({ name: "part", value }));
  on("state", (value) => tell({ name: "state", value }));
  on("retry", (value) => tell({ name: "retry", value }));
  on("notice", (value) => tell({ name: "notice", value }));
}

interface Place {
  readonly origins: Origins;
  readonly database: Database;
  readonly isEnded: () => boolean;
}

/** Of all transfers of the page together: what one of them closes at its end, the others still need. */
function browserPorts(
  { inFlight = IN_FLIGHT, memory = HELD, limitRate }: Settings,
  { origins, database, isEnded }: Place,
): Ports {
  const rate = limitRate === undefined ? {} : { limitRate };
  const tabs = countTabs(navigator.locks, browserClock);
  const transport = createBrowserTransport(origins);
  return {
    transport: {
      ...transport,
      async request(request) {
        if (isEnded()) throw new HoldfastError("aborted");
        return transport.request(request);
      },
    },
    checkpoints: createCheckpointStore({
      clock: browserClock,
      claims: createClaims(navigator.locks),
      database,
    }),
    clock: browserClock,
    random: browserRandom,
    digester: createBrowserDigester(),
    lines: new Map(),
    share: createShare(browserClock, { inFlight, memory: () => memory / tabs(), ...rate }),
  };
}
