// The engine of a page's transfers: reads, digests and sends for all of them, on whatever thread it is started, and tells the page by messages.
import { type ErrorCode, encodeHex, HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Transfer, WatchedTransfer } from "../events.ts";
import { IN_FLIGHT, MEMORY } from "../line.ts";
import type { Ports, Source } from "../ports.ts";
import { createShare } from "../share.ts";
import type { Result } from "../state.ts";
import { startUpload } from "../upload.ts";
import { createCheckpointStore } from "./checkpoint.ts";
import { createClaims } from "./claims.ts";
import { createDatabase, type Database } from "./database.ts";
import { createBrowserDigester } from "./digester.ts";
import { watchExpiry } from "./expiry.ts";
import { type AboutFiles, createFileChannel, FILES } from "./file-channel.ts";
import { createHandles } from "./handles.ts";
import { watchHints } from "./hints.ts";
import { openKeptSource } from "./kept-source.ts";
import {
  type Brought,
  decodeError,
  encodeError,
  type Found,
  type SentDownload,
  type SentEvent,
  type SentUpload,
  type Settings,
  type ToEngine,
  type ToPage,
} from "./messages.ts";
import { createOrigins, type Origins } from "./origins.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { type SharedUpload, type SharedUploadParts, shareUpload } from "./shared-upload.ts";
import { openBlobSource } from "./source.ts";
import { type Command, createTabChannel, openWire, TABS, type ToTabs } from "./tab-channel.ts";
import { countTabs } from "./tabs.ts";
import { createTellOthers } from "./tell-others.ts";
import { createBrowserTransport } from "./transport.ts";
import { createTurns, type Turn } from "./turns.ts";
import { forgetOne, listHere } from "./unfinished.ts";
import { listDownloads, type UnfinishedDownload } from "./unfinished-downloads.ts";

/** Of all runs in flight, in all tabs, in bytes: what the browser reads into and what it digests from is as much again. */
const HELD: number = MEMORY / 2;
/** Runs of one upload in flight: browsers have six connections to a server, and one is for what is asked meanwhile. */
const AT_ONCE = 5;
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
  const whose = settings.owner === undefined ? {} : { owner: settings.owner };
  const transfers = new Map<number, WatchedTransfer>();
  const shared = new Map<number, SharedUpload>();
  const channel = createTabChannel(openWire<ToTabs>(TABS));
  const files = createFileChannel({
    ...{ clock: browserClock, random: browserRandom, locks: navigator.locks },
    wire: openWire<AboutFiles>(FILES),
  });
  const place = { ...ports, handles, files, ...whose };
  const tellOthers = createTellOthers(
    () => listHere(place),
    channel.has,
    (one) => page.postMessage({ type: "other", one }),
  );
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
    files.close();
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

  /** Answers with what can be gone on with, where that is asked for, or why something cannot be done. */
  function answer(question: number, done: Promise<Found>): void {
    done.then(
      (found) => page.postMessage({ type: "unfinished", question, found }),
      (error: unknown) => {
        const sent = encodeError(toHoldfastError(error));
        page.postMessage({ type: "refused", question, error: sent });
      },
    );
  }

  async function list(): Promise<Found> {
    return { uploads: await listHere(place), downloads: await listDownloads(place) };
  }

  /** Its handle is kept before there is a checkpoint that it would be needed for. */
  async function open({ blob, handle, path, identity }: SentUpload): Promise<Source> {
    const openBlob = (one: Blob) =>
      openBlobSource(one, { random: browserRandom, origins, path, ...whose });
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
      inFlight: settings.inFlight ?? AT_ONCE,
      ...(blob.type === "" ? {} : { type: blob.type }),
    };
    const source = token === "ask" ? () => askToken(id) : token;
    const share = shareAs(id, (what) => void transfer[what](), {
      onBegun: (key) => blob instanceof File && files.offer(key, blob),
      onOver: files.drop,
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
    follow(id, { transfer, share, turn }, async (result) => result);
    const unwatch = watchExpiry(browserClock, transfer, (detail) =>
      share.note({ name: "notice", value: { code: "upload_ended", detail } }),
    );
    transfer.done.then(unwatch, unwatch);
    // Of one that has failed, it leads to what is gone on with.
    const forget = () => {
      const isOver = transfer.state === "complete" || transfer.state === "aborted";
      if (opened && isOver) void handles.forget(opened.identity);
    };
    transfer.done.then(forget, forget);
  }

  /** What downloads need besides is loaded with the first of them; what it is told until then, it is told then. */
  async function beginDownload(id: number, sent: SentDownload): Promise<void> {
    const early: Command[] = [];
    let command = (what: Command) => void early.push(what);
    const share = shareAs(id, (what) => command(what), NO_FILE);
    shared.set(id, share);
    const { startBrowserDownload } = await import("./download.ts");
    const turn = takeTurn(`from ${new URL(sent.url).origin}`);
    const token = sent.token === "ask" ? () => askToken(id) : sent.token;
    const { inFlight, owner } = settings;
    const wanted = { ...sent, token, inFlight, owner };
    const download = startBrowserDownload(wanted, { ports, claiming: share.claiming }, async () => {
      await turn.come;
      if (transfer.state === "paused") turn.pass();
    });
    const { transfer } = download;
    follow(id, { transfer, share, turn }, async (result) => {
      const file = await download.whole();
      return file ? { ...result, file } : result;
    });
    command = (what) => void transfer[what]();
    early.forEach(command);
  }

  function notBegun(id: number, cause: unknown): void {
    shared.delete(id);
    const error = new HoldfastError("internal", `downloads cannot be loaded: ${String(cause)}`);
    page.postMessage({ type: "failed", id, state: "failed", error: encodeError(error) });
  }

  /** What other tabs are told of a transfer, and may tell it. */
  function shareAs(
    id: number,
    command: SharedUploadParts["command"],
    file: Pick<SharedUploadParts, "onBegun" | "onOver">,
  ): SharedUpload {
    return shareUpload({
      ...{ channel, clock: browserClock, name: encodeHex(browserRandom.bytes(16)) },
      show: (event) => page.postMessage({ type: "event", id, event }),
      onWhere: (where) => page.postMessage({ type: "where", id, where }),
      command,
      ...file,
    });
  }

  /** Tells the page of a transfer until it has ended; `bring` makes what the page gets of what it ended with. */
  function follow(
    id: number,
    { transfer, share, turn }: Followed,
    bring: (result: Result) => Promise<Brought>,
  ): void {
    transfers.set(id, transfer);
    shared.set(id, share);
    tellEvents(transfer, share.note);
    passTurn(transfer, turn);
    transfer.done
      .then(bring)
      .then(
        (result) => page.postMessage({ type: "complete", id, result }),
        (error: unknown) => {
          const sent = encodeError(toHoldfastError(error));
          page.postMessage({ type: "failed", id, state: transfer.state, error: sent });
        },
      )
      .finally(() => {
        share.leave();
        transfers.delete(id);
        shared.delete(id);
      });
  }

  /** Nobody asked what is left. */
  async function nothing(done: Promise<unknown>): Promise<Found> {
    await done;
    return { uploads: [], downloads: [] };
  }

  async function drop(working: string): Promise<void> {
    const downloads = await import("./download.ts");
    await downloads.dropWorking(ports, working);
  }

  async function forget(one: Pick<UnfinishedDownload, "key" | "root">): Promise<void> {
    const downloads = await import("./download.ts");
    await downloads.forgetDownload(ports, one);
  }

  const line = "connection" in navigator ? navigator.connection : undefined;
  const world = { network: globalThis, line: line instanceof EventTarget ? line : undefined };
  const unwatchHints = watchHints({ ...world, clock: browserClock }, hint);
  return (message) => {
    switch (message.type) {
      case "begin":
        return;
      case "list":
        return answer(message.question, list());
      case "forget":
        return answer(message.question, nothing(forgetOne(place, message)));
      case "forget download":
        return answer(message.question, nothing(forget(message)));
      case "listen":
        return files.onBegun(tellOthers);
      case "hint":
        return hint();
      case "end":
        return end();
      case "upload":
        return begin(message.id, message.upload);
      case "download":
        return void beginDownload(message.id, message.download).catch((error: unknown) =>
          notBegun(message.id, error),
        );
      case "drop":
        return answer(message.question, nothing(drop(message.working)));
      case "token":
        return settle(message.question)?.resolve(message.token);
      case "no token":
        return settle(message.question)?.reject(decodeError(message.error));
      default:
        return shared.get(message.id)?.command(message.type);
    }
  };
}

/** There is nothing to hand over: each tab has a place of its own for what it downloads. */
const NO_FILE = { onBegun: () => undefined, onOver: () => undefined };

/** A transfer, its voice in other tabs, its turn. */
interface Followed {
  readonly transfer: WatchedTransfer;
  readonly share: SharedUpload;
  readonly turn: Turn;
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
