// The client of a page: its transfers run in an engine on a thread of its own; the page only tells what to do and hears what comes of it.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { TokenSource } from "../auth.ts";
import type { UploadOptions } from "../upload.ts";
import type { Background } from "./background.ts";
import { createEngineLife } from "./engine-life.ts";
import { startEngine } from "./engine-link.ts";
import { identityOf } from "./identity.ts";
import { keepAwake } from "./keep-awake.ts";
import { allowed } from "./kept-source.ts";
import {
  decodeError,
  encodeError,
  type Found,
  type Settings,
  type ToEngine,
  type ToPage,
} from "./messages.ts";
import { ENGLISH, type NoticeTexts, notify } from "./notices.ts";
import {
  createPageDownload,
  type Download,
  type DownloadOptions,
  placeOf,
} from "./page-download.ts";
import { createPageTransfer, type PageTransfer } from "./page-transfer.ts";
import { createPageUpload, type Upload } from "./page-upload.ts";
import { browserClock } from "./platform.ts";
import { createQuestions } from "./questions.ts";
import { createRunning } from "./running.ts";
import { isFileOf, otherFile } from "./same-file.ts";
import { endedOf } from "./service-worker-messages.ts";
import type { Unfinished } from "./unfinished.ts";
import type { UnfinishedDownload } from "./unfinished-downloads.ts";

export interface ClientOptions extends Settings {
  /** Starts the worker that does the work. By default the script `worker.js` beside this one, which bundlers take along. */
  readonly worker?: () => Worker;
  /** The site's service worker, if it imports `@holdfast/client/browser/service-worker`: `navigator.serviceWorker.ready`. */
  readonly serviceWorker?: Promise<ServiceWorkerRegistration>;
  /**
   * Tells by notifications what becomes of uploads while nobody looks at the page; `{}` in English. Shows none unless a person has allowed the page that, for which it
   * has to ask by itself.
   */
  readonly notify?: Partial<NoticeTexts>;
}

export interface FileOptions extends Omit<UploadOptions, "limitRate"> {
  /** What leads back to the file: kept until its upload has ended, so that it need not be chosen again after a reload. */
  readonly handle?: FileSystemFileHandle;
  /** Where it lies in the folder that it came with, as `filesOf` says: files that have a name, a size and a time of change in common are told apart by it. */
  readonly path?: string;
}

export interface ResumeOptions
  extends Omit<FileOptions, "to" | "name" | "type" | "metadata" | "path"> {
  /**
   * The file, chosen again. Without it, `file` of what is unfinished is it, or its `handle` leads to it, which the browser may ask a person about: call this as they
   * click.
   */
  readonly file?: File;
}

export interface Client {
  /**
   * Uploads a file. Fails with `source_unreadable`, `unauthorized`, `insecure_transport` and other codes of the error table; a network or a server that is away is
   * no failure unless `giveUpMs` says so.
   */
  upload(file: Blob, options: FileOptions): Upload;
  /**
   * Downloads a file of ours, every part verified, or one of any server that lets pages ask for ranges. The same again goes on where it stopped, after a reload or a crash too. Fails
   * with `sink_unsupported` where the browser has no place for it, `sink_full`, `sink_denied`, `precondition_failed` where the file changes meanwhile, and others.
   */
  download(url: string, options?: DownloadOptions): Download;
  /** What was begun in this browser and can be gone on with, the latest last; not what nobody would find again, a Blob without a name. @throws HoldfastError `checkpoint_failed` */
  unfinished(): Promise<readonly Unfinished[]>;
  /**
   * Goes on with one of them.
   *
   * @throws HoldfastError `source_changed` where the file is another one now, `source_gone` or `source_unreadable` where it is not there any more, `source_denied`
   * where nobody allows it to be read: then it has to be chosen again.
   */
  resume(one: Unfinished, options?: ResumeOptions): Promise<Upload>;
  /**
   * Tells of each upload that another tab of this site begins from now on, until the returned function is called. Whoever resumes it sees what that tab does, and goes on
   * with it should that tab go. What was begun before, `unfinished` tells.
   */
  onOther(listener: (one: Unfinished) => void): () => void;
  /**
   * Tells at once, if something runs in this tab, and whenever that changes: what is paused or what another tab is at does not. For whoever keeps the screen awake meanwhile,
   * or asks before the tab is closed. The returned function takes the listener off.
   */
  onRunning(listener: (isRunning: boolean) => void): () => void;
  /** Forgets one of them; what its server has of it expires. @throws HoldfastError `transfer_busy` where a tab is at it, `checkpoint_failed` */
  forget(one: Unfinished): Promise<void>;
  /** Downloads that were begun in this browser and are not whole, the latest last: `download` of the same address goes on. @throws HoldfastError `checkpoint_failed` */
  unfinishedDownloads(): Promise<readonly UnfinishedDownload[]>;
  /** Forgets one of them, and removes all there is of it. @throws HoldfastError `transfer_busy` where a tab is at it, `checkpoint_failed`, `sink_failed` */
  forgetDownload(one: UnfinishedDownload): Promise<void>;
  /** When no transfer runs any more: ends the worker. What runs still fails with `aborted`, and so does whatever is begun after that. */
  close(): void;
}

const LISTEN = { type: "listen" } as const;

export function createClient({
  worker = usualWorker,
  serviceWorker,
  notify: texts,
  ...settings
}: ClientOptions = {}): Client {
  const transfers = new Map<number, PageTransfer>();
  const tokens = new Map<number, () => Promise<string>>();
  const questions = createQuestions();
  /** Uploads that the browser may have. */
  const backgrounds = new Map<number, Background>();
  /** What downloads have kept and the page has not forgotten, by name; as often as it has it. The engine holds it, each one anew. */
  let kept: readonly string[] = [];
  const others = new Set<(one: Unfinished) => void>();
  const running = createRunning();
  // A site without it has uploads all the same.
  const registered = Promise.resolve(serviceWorker).catch(() => undefined);
  const awake = keepAwake(browserClock, registered);
  const engine = createEngineLife({
    start: () =>
      startEngine({
        settings,
        startWorker: worker,
        onMessage,
        onNoWorker(why) {
          const detail = `there is no worker, so that the page itself does the work: ${why}`;
          for (const transfer of transfers.values())
            transfer.accept({ name: "notice", value: { code: "internal", detail } });
        },
        onBroken(why) {
          engine.drop();
          failAll(new HoldfastError("internal", `the worker has ended: ${why}`));
        },
      }),
    greeting: () => [
      ...(others.size > 0 ? [LISTEN] : []),
      ...(kept.length > 0 ? [{ type: "keep", working: kept } as const] : []),
    ],
    onAgain(id) {
      const begun = transfers.get(id);
      if (!begun) return;
      // Whether another tab is at it by now, the engine tells.
      begun.move("here");
      void backgrounds.get(id)?.find();
      running.note(id, begun.isRunning());
      if (begun.transfer.state === "paused") engine.send({ type: "pause", id });
    },
  });

  /** Who hears of it may begin again at once: with another engine. */
  function failAll(error: HoldfastError): void {
    const failed = [...transfers.values()];
    for (const id of transfers.keys()) running.note(id, false);
    transfers.clear();
    awake.note(0);
    tokens.clear();
    backgrounds.clear();
    questions.failAll(error);
    for (const transfer of failed) transfer.fail("failed", error);
  }

  function onMessage(message: ToPage): void {
    if (message.type === "ready") return;
    if (message.type === "other") {
      for (const listener of [...others]) listener(message.one);
      return;
    }
    if ("question" in message && message.type !== "ask token") {
      engine.answered(message.question);
      questions.settle(message);
      return;
    }
    const { id } = message;
    const transfer = transfers.get(id);
    if (message.type === "ask token") void answer(id, message.question);
    else if (message.type === "event") transfer?.accept(message.event);
    else if (message.type === "where") {
      transfer?.move(message.where);
      if (message.where === "here") void backgrounds.get(id)?.find();
    } else {
      transfers.delete(id);
      backgrounds.delete(id);
      engine.answered(id);
      awake.note(transfers.size);
      tokens.delete(id);
      if (message.type === "complete") {
        const { file } = message.result;
        if (file) kept = [...kept, file.name];
        transfer?.complete(message.result);
      } else transfer?.fail(message.state, decodeError(message.error));
    }
    running.note(id, transfers.get(id)?.isRunning() ?? false);
  }

  /** To the engine that asks: another one's question of that number is about another transfer, maybe to another server. */
  async function answer(id: number, question: number): Promise<void> {
    const send = engine.sender();
    try {
      const token = (await tokens.get(id)?.()) ?? "";
      send({ type: "token", question, token });
    } catch (error) {
      send({ type: "no token", question, error: encodeError(tokenError(error)) });
    }
  }

  const question = (make: (question: number) => ToEngine): Promise<Found> =>
    questions.found(engine.ask(make));

  /** What a person wants of a transfer that the browser has is done once the browser has it no more. */
  function command(id: number, type: "pause" | "resume" | "abort"): void {
    const background = backgrounds.get(id);
    const send = () => engine.send({ type, id });
    if (background?.isOut()) void background.takeBack().then(send);
    else send();
  }

  /** A transfer that `make` tells the engine of; how its token travels is said with it. */
  function begin(
    token: TokenSource | undefined,
    make: (id: number, token: string | "ask" | undefined) => ToEngine,
  ): { readonly id: number; readonly begun: PageTransfer } {
    const sent = typeof token === "function" ? "ask" : token;
    const id = engine.ask((id) => make(id, sent));
    const begun = createPageTransfer((type) => command(id, type));
    transfers.set(id, begun);
    running.note(id, true);
    awake.note(transfers.size);
    if (typeof token === "function") tokens.set(id, token);
    return { id, begun };
  }

  function upload(
    blob: Blob,
    { token: source, handle, path, ...options }: FileOptions,
    identity?: string,
  ): Upload {
    const { id, begun } = begin(source, (id, token) => ({
      ...{ type: "upload", id },
      upload: { blob, handle, path, identity, options, token },
    }));
    const isFile = blob instanceof File;
    const title = options.name ?? (isFile ? blob.name : "blob");
    if (texts) notify(begun.transfer, { file: title, texts: { ...ENGLISH, ...texts } }, registered);
    return createPageUpload({
      ...{ begun, blob, title, registered, to: options.to },
      identity: identity ?? (isFile ? identityOf(blob, { ...settings, path }) : undefined),
      sign: () =>
        questions.signed(
          engine.ask((question) => ({ type: "sign", question, id, origin: location.origin })),
        ),
      command: (type) => engine.send({ type, id }),
      onBackground(background) {
        if (transfers.has(id)) backgrounds.set(id, background);
      },
    });
  }

  function download(
    address: string,
    { token: source, handle, name, ...options }: DownloadOptions,
  ): Download {
    const place = placeOf({ handle, name });
    const url = absolute(address);
    const { begun } = begin(source, (id, token) => ({
      ...{ type: "download", id },
      download: { url, options, token, place },
    }));
    return createPageDownload(begun, name, async (working) => {
      await question((question) => ({ type: "drop", question, working }));
      kept = kept.toSpliced(kept.indexOf(working), 1);
    });
  }

  const list = () => question((question) => ({ type: "list", question }));
  const onShown = () => {
    if (document.visibilityState !== "visible") return;
    engine.send({ type: "hint" });
    for (const background of backgrounds.values()) void background.hint();
  };
  /** The service worker tells of what the browser has sent. */
  const onTold = ({ data }: MessageEvent<unknown>) => {
    for (const background of backgrounds.values())
      if (background.id === endedOf(data)) background.ended();
  };
  const messages = serviceWorker && navigator.serviceWorker;
  messages?.addEventListener("message", onTold);
  document.addEventListener("visibilitychange", onShown);
  return {
    upload: (blob, options) => upload(blob, options),
    download: (url, options = {}) => download(url, options),
    unfinished: async () => (await list()).uploads,
    unfinishedDownloads: async () => (await list()).downloads,
    async resume(one, { file, handle = one.handle, ...options } = {}) {
      const found = file ?? one.file ?? (await allowed(one.path, handle));
      if (!isFileOf(one, found)) throw otherFile(one, found);
      const { to, name, type, metadata } = one;
      const begun = {
        to,
        ...(name === undefined ? {} : { name }),
        ...(type === undefined ? {} : { type }),
        ...(metadata === undefined ? {} : { metadata }),
      };
      const again = handle === undefined ? {} : { handle };
      return upload(found, { ...options, ...begun, ...again }, one.identity);
    },
    onOther(listener) {
      others.add(listener);
      engine.greet(LISTEN);
      return () => others.delete(listener);
    },
    onRunning: running.on,
    async forget({ key, identity }) {
      await question((question) => ({ type: "forget", question, key, identity }));
    },
    async forgetDownload({ key, root }) {
      await question((question) => ({ type: "forget download", question, key, root }));
    },
    close() {
      messages?.removeEventListener("message", onTold);
      document.removeEventListener("visibilitychange", onShown);
      engine.close();
      failAll(new HoldfastError("aborted"));
    },
  };
}

/** @throws HoldfastError `usage`; what signs an address stands in no error */
function absolute(address: string): string {
  try {
    return new URL(address, document.baseURI).href;
  } catch {
    throw new HoldfastError("usage", "what is to be downloaded has no address");
  }
}

/** A HoldfastError of the provider's own stands; anything else is a provider that is out of reach, as the server may be. */
function tokenError(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  return new HoldfastError("connection_failed", "there is no token to be had", {}, error);
}

function usualWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "holdfast" });
}
