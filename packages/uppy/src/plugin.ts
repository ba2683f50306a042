// The uploader: Uppy's files go up by our client, and what comes of them is told in Uppy's own events.
import {
  type Client,
  createClient,
  type FileOptions,
  isHoldfastError,
  type Result,
  type Transfer,
} from "@holdfast/client/browser";
import {
  BasePlugin,
  type Body,
  type Meta,
  type PluginOpts,
  type Uppy,
  type UppyFile,
} from "@uppy/core";
import { createBatch } from "./batch.ts";
import { type AllowedMetaFields, describe, isToSend, isToStart, sourceOf } from "./file.ts";

/** Files handed to the client before the page gets a turn: thousands at once would freeze it. */
const AT_ONCE = 20;

type Sent = Omit<FileOptions, "handle" | "metadata" | "name" | "path" | "sha256" | "type">;

export interface HoldfastOptions extends PluginOpts, Sent {
  /** Which of a file's `meta` are kept with it: all of them by default. */
  readonly allowedMetaFields?: AllowedMetaFields;
  /** That of the page, where it has one besides; whoever made it closes it. */
  readonly client?: Client;
}

/** What `upload-success` brings as `response.body`. */
export interface HoldfastBody extends Body {
  /** The file's. */
  readonly id: string;
  readonly url: string;
  /** Lower-case hexadecimal. */
  readonly root: string;
}

declare module "@uppy/core" {
  // Uppy's own way to have `getPlugin("Holdfast")` know its type.
  interface PluginTypeRegistry<M extends Meta, B extends Body> {
    Holdfast: Holdfast<M, B>;
  }
}

const LOCALE = {
  strings: {
    holdfastGoesOn: "%{name} goes on in this page: uploaded again, it is shown where it is by then",
    holdfastGhost: "%{name} has to be chosen again",
    holdfastLeft:
      "%{name} stopped where it is: what was sent of it is kept, and it goes on when it is uploaded again",
    holdfastRemote: "%{name} lies with another service: only files of this device can be sent",
  },
};

interface Running {
  readonly transfer: Transfer;
  /** Nobody waits for its end any more. */
  leave(why: Error): void;
}

/** A class, since that is what Uppy makes its plugins of. */
export class Holdfast<M extends Meta, B extends Body> extends BasePlugin<HoldfastOptions, M, B> {
  readonly #running = new Map<string, Running>();
  /** Until what the server has of them is removed. */
  readonly #aborting = new Set<Promise<unknown>>();
  readonly #told = new Set<string>();
  readonly #progress = createBatch((id, bytesUploaded: number) => this.#tellOf(id, bytesUploaded));
  #own: Client | undefined;
  #isLeft = false;

  constructor(uppy: Uppy<M, B>, options: HoldfastOptions) {
    super(uppy, options);
    this.type = "uploader";
    this.id = options.id ?? "Holdfast";
    this.defaultLocale = LOCALE;
    this.i18nInit();
  }

  override install(): void {
    this.#canResume(true);
    this.uppy.addUploader(this.#upload);
    this.uppy.on("upload-pause", this.#onPause);
    this.uppy.on("pause-all", this.#onPauseAll);
    this.uppy.on("resume-all", this.#onResumeAll);
    this.uppy.on("file-removed", this.#onRemoved);
  }

  /**
   * What still runs is Uppy's no more. In the plugin's own client it stops where it is, to be gone on with; a client of the page's own outlives the plugin, and what it was given
   * goes on, as with Uppy's own uploaders. Whoever wants it aborted removes its file first.
   */
  override uninstall(): void {
    this.#canResume(false);
    this.uppy.removeUploader(this.#upload);
    this.uppy.off("upload-pause", this.#onPause);
    this.uppy.off("pause-all", this.#onPauseAll);
    this.uppy.off("resume-all", this.#onResumeAll);
    this.uppy.off("file-removed", this.#onRemoved);
    this.#isLeft = true;
    for (const [id, { transfer, leave }] of this.#running) {
      if (!this.opts.client) void transfer.pause();
      leave(this.#leftError(id, this.opts.client ? "holdfastGoesOn" : "holdfastLeft"));
    }
    const own = this.#own;
    void Promise.all(this.#aborting).then(() => own?.close());
  }

  #canResume(resumableUploads: boolean): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads } });
  }

  #client(): Client {
    if (this.opts.client) return this.opts.client;
    this.#own ??= createClient();
    return this.#own;
  }

  readonly #upload = async (ids: readonly string[]): Promise<void> => {
    const files = this.uppy.getFilesByIds([...ids]).filter(isToSend);
    this.uppy.emit("upload-start", files.filter(isToStart));
    this.#told.clear();
    const ends: Promise<void>[] = [];
    for (const [index, { id }] of files.entries()) {
      if (index > 0 && index % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve));
      ends.push(this.#send(id));
    }
    await Promise.all(ends);
  };

  /** Never rejects: how it ended is told by events. */
  async #send(id: string): Promise<void> {
    // As it is by now: it may have been removed, or paused, while others were handed over.
    const file = this.uppy.getFile(id);
    if (!file) return;
    let transfer: Transfer | undefined;
    const { promise: left, reject: leave } = Promise.withResolvers<never>();
    const isIts = () => this.#isOf(id, transfer);
    try {
      transfer = this.#begin(file);
      this.#running.set(id, { transfer, leave });
      if (file.isPaused) void transfer.pause();
      this.#watch(id, transfer);
      const result = await Promise.race([transfer.done, left]);
      if (isIts()) this.#tellResult(id, result);
    } catch (error) {
      if (isIts()) this.#tellError(id, error);
    }
    if (isIts()) this.#running.delete(id);
  }

  /** A file that was removed may be there again meanwhile, with a transfer of its own. */
  #isOf(id: string, transfer: Transfer | undefined): boolean {
    return this.#running.get(id)?.transfer === transfer;
  }

  /** @throws Error of a file that cannot be sent from here. */
  #begin(file: UppyFile<M, B>): Transfer {
    const { id: fileId, name, meta } = file;
    if (this.#isLeft) throw this.#leftError(fileId, "holdfastLeft");
    if (file.isRemote) throw new Error(this.i18n("holdfastRemote", { name: meta.name }));
    if (!file.data) throw new Error(this.i18n("holdfastGhost", { name: meta.name }));
    const { id: _, locale, client, allowedMetaFields = true, ...options } = this.opts;
    const described = describe(file, allowedMetaFields);
    return this.#client().upload(sourceOf(file.data, name), { ...options, ...described });
  }

  #leftError(id: string, why: "holdfastGoesOn" | "holdfastLeft"): Error {
    return new Error(this.i18n(why, { name: this.uppy.getFile(id)?.meta.name ?? id }));
  }

  #watch(id: string, transfer: Transfer): void {
    transfer.on("progress", ({ committed }) => {
      if (this.#isOf(id, transfer)) this.#progress.note(id, committed);
    });
    transfer.on("state", (state) => {
      // Another tab, or another part of this page, may pause what this one shows.
      const isPaused = state === "paused";
      const file =
        this.#isOf(id, transfer) && state !== "opening" ? this.uppy.getFile(id) : undefined;
      if (file && (file.isPaused ?? false) !== isPaused) this.uppy.setFileState(id, { isPaused });
    });
    transfer.on("retry", ({ attempt, detail }) => {
      // A single trouble is none that anybody has to hear of.
      if (attempt !== 2 || !this.#isOf(id, transfer)) return;
      const file = this.uppy.getFile(id);
      if (file) this.uppy.emit("upload-stalled", { message: detail }, [file]);
    });
    transfer.on("warning", ({ code, detail }) => {
      // Of a thousand files the same is said once.
      if (this.#told.has(code) || !this.#isOf(id, transfer)) return;
      this.#told.add(code);
      this.uppy.info(detail, "warning", this.uppy.opts.infoTimeout);
    });
  }

  #tellOf(id: string, bytesUploaded: number): void {
    const file = this.uppy.getFile(id);
    if (!file) return;
    const uploadStarted = file.progress.uploadStarted ?? 0;
    const told = { uploadStarted, bytesUploaded, bytesTotal: file.size };
    this.uppy.emit("upload-progress", file, told);
  }

  #tellResult(id: string, { id: fileId, url, root, size }: Result): void {
    this.#progress.drop(id);
    const body: Body = { id: fileId, url, root } satisfies HoldfastBody;
    // Which body it expects is the page's word: nothing at run time depends on it.
    const told = { status: 200, uploadURL: url, bytesUploaded: size, body: body as B };
    this.uppy.emit("upload-success", this.uppy.getFile(id), told);
  }

  #tellError(id: string, error: unknown): void {
    this.#progress.drop(id);
    const file = this.uppy.getFile(id);
    // What is not told to have failed, Uppy takes for complete, also what another tab has aborted.
    if (file) this.uppy.emit("upload-error", file, toldOf(error));
  }

  readonly #onPause = (file: UppyFile<M, B> | undefined, isPaused: boolean): void => {
    const transfer = file && this.#running.get(file.id)?.transfer;
    if (isPaused) void transfer?.pause();
    else transfer?.resume();
  };

  readonly #onPauseAll = (): void => {
    for (const { transfer } of this.#running.values()) void transfer.pause();
  };

  readonly #onResumeAll = (): void => {
    for (const { transfer } of this.#running.values()) transfer.resume();
  };

  readonly #onRemoved = ({ id }: UppyFile<M, B>): void => {
    const transfer = this.#running.get(id)?.transfer;
    this.#running.delete(id);
    this.#progress.drop(id);
    if (!transfer) return;
    transfer.abort();
    const ended: Promise<unknown> = transfer.done
      .catch(() => "nobody is told of it any more")
      .finally(() => this.#aborting.delete(ended));
    this.#aborting.add(ended);
  };
}

/** Uppy shows `message` and `details` one after the other: what happened, and what helps. */
function toldOf(error: unknown): Error {
  if (!isHoldfastError(error)) return error instanceof Error ? error : new Error(String(error));
  const { code, hint: details, message } = error;
  return Object.assign(new Error(`${message}.`, { cause: error }), { code, details });
}
