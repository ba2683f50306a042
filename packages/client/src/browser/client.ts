// The client of a page: its transfers run in an engine on a thread of its own; the page only tells what to do and hears what comes of it.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";
import type { UploadOptions } from "../upload.ts";
import { type EngineLink, startEngine } from "./engine-link.ts";
import { decodeError, encodeError, type Settings, type ToPage } from "./messages.ts";
import { createPageTransfer, type PageTransfer, type Transfer } from "./page-transfer.ts";

export interface ClientOptions extends Settings {
  /** Starts the worker that does the work. By default the script `worker.js` beside this one, which bundlers take along. */
  readonly worker?: () => Worker;
}

export interface Client {
  /**
   * Uploads a file. Fails with `source_unreadable`, `unauthorized`, `insecure_transport` and other codes of the error table; a network or a server that is away is
   * no failure unless `giveUpMs` says so.
   */
  upload(file: Blob, options: Omit<UploadOptions, "limitRate">): Transfer;
  /** When no transfer runs any more: ends the worker. What runs still fails with `aborted`. */
  close(): void;
}

export function createClient({ worker = usualWorker, ...settings }: ClientOptions = {}): Client {
  const transfers = new Map<number, PageTransfer>();
  const tokens = new Map<number, () => Promise<string>>();
  let lastId = 0;
  let link: EngineLink | undefined;

  function failAll(error: HoldfastError): void {
    for (const transfer of transfers.values()) transfer.fail("failed", error);
    transfers.clear();
    tokens.clear();
    link?.close();
    link = undefined;
  }

  /** Loaded with the first upload. */
  function start(): EngineLink {
    return startEngine({
      settings,
      startWorker: worker,
      onMessage,
      onNoWorker(why) {
        const detail = `there is no worker, so that the page itself does the work: ${why}`;
        for (const transfer of transfers.values())
          transfer.accept({ name: "notice", value: { code: "internal", detail } });
      },
      onBroken: (why) => failAll(new HoldfastError("internal", `the worker has ended: ${why}`)),
    });
  }

  function onMessage(message: ToPage): void {
    if (message.type === "ready") return;
    const { id } = message;
    const transfer = transfers.get(id);
    if (message.type === "ask token") void answer(id, message.question);
    else if (message.type === "event") transfer?.accept(message.event);
    else {
      transfers.delete(id);
      tokens.delete(id);
      if (message.type === "complete") transfer?.complete(message.result);
      else transfer?.fail(message.state, decodeError(message.error));
    }
  }

  async function answer(id: number, question: number): Promise<void> {
    try {
      const token = (await tokens.get(id)?.()) ?? "";
      link?.send({ type: "token", question, token });
    } catch (error) {
      link?.send({ type: "no token", question, error: encodeError(tokenError(error)) });
    }
  }

  const onShown = () => {
    if (document.visibilityState === "visible") link?.send({ type: "hint" });
  };
  document.addEventListener("visibilitychange", onShown);
  return {
    upload(blob, { token, ...options }) {
      link ??= start();
      const { send } = link;
      lastId++;
      const id = lastId;
      const transfer = createPageTransfer((type) => send({ type, id }));
      transfers.set(id, transfer);
      if (typeof token === "function") tokens.set(id, token);
      const sent = typeof token === "function" ? "ask" : token;
      send({ type: "upload", id, upload: { blob, options, token: sent } });
      return transfer.transfer;
    },
    close() {
      document.removeEventListener("visibilitychange", onShown);
      failAll(new HoldfastError("aborted"));
    },
  };
}

/** A HoldfastError of the provider's own stands; anything else is a provider that is out of reach, as the server may be. */
function tokenError(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  return new HoldfastError("connection_failed", "there is no token to be had", {}, error);
}

function usualWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "holdfast" });
}
