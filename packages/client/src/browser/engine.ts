// The engine of a page's transfers: reads, digests and sends for all of them, on whatever thread it is started, and tells the page by messages.
import { toHoldfastError } from "@holdfast/protocol";
import type { TokenSource } from "../auth.ts";
import { createDatabase } from "./database.ts";
import { createDownloads } from "./engine-downloads.ts";
import { browserPorts } from "./engine-ports.ts";
import { createTransfers } from "./engine-transfers.ts";
import { createUploads } from "./engine-uploads.ts";
import { type AboutFiles, createFileChannel, FILES } from "./file-channel.ts";
import { createHandles } from "./handles.ts";
import { watchHints } from "./hints.ts";
import {
  decodeError,
  encodeError,
  type Found,
  type Settings,
  type ToEngine,
  type ToPage,
} from "./messages.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { createTabChannel, openWire, TABS, type ToTabs } from "./tab-channel.ts";
import { createTellOthers } from "./tell-others.ts";
import { createTurns } from "./turns.ts";
import { forgetOne, listHere } from "./unfinished.ts";
import { listDownloads } from "./unfinished-downloads.ts";

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
  const database = createDatabase(DATABASE, browserClock);
  const handles = createHandles(browserClock, database);
  let isEnded = false;
  const ports = browserPorts(settings, { database, isEnded: () => isEnded });
  const whose = settings.owner === undefined ? {} : { owner: settings.owner };
  const channel = createTabChannel(openWire<ToTabs>(TABS));
  const transfers = createTransfers(channel, (message) => page.postMessage(message));
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
  const parts = { ports, settings, transfers, takeTurn: createTurns() };
  const uploads = createUploads({ ...parts, handles, files });
  const downloads = createDownloads(parts);
  const questions = new Map<number, PromiseWithResolvers<string>>();
  let lastQuestion = 0;

  function end(): void {
    isEnded = true;
    unwatchHints();
    channel.close();
    files.close();
    transfers.end();
  }

  /** Of a transfer, as its page has said how it travels. */
  function tokenOf(id: number, token: string | "ask" | undefined): TokenSource | undefined {
    if (token !== "ask") return token;
    return () => {
      lastQuestion++;
      const asked = Promise.withResolvers<string>();
      questions.set(lastQuestion, asked);
      page.postMessage({ type: "ask token", id, question: lastQuestion });
      return asked.promise;
    };
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
      (error: unknown) => refuse(question, error),
    );
  }

  function refuse(question: number, error: unknown): void {
    const sent = encodeError(toHoldfastError(error));
    page.postMessage({ type: "refused", question, error: sent });
  }

  async function sign({ question, id, origin }: Extract<ToEngine, { type: "sign" }>) {
    try {
      const signed = await uploads.sign(id, origin);
      page.postMessage({ type: "signed", question, signed });
    } catch (error) {
      refuse(question, error);
    }
  }

  async function list(): Promise<Found> {
    return { uploads: await listHere(place), downloads: await listDownloads(place) };
  }

  /** Nobody asked what is left. */
  async function nothing(done: Promise<unknown>): Promise<Found> {
    await done;
    return { uploads: [], downloads: [] };
  }

  const line = "connection" in navigator ? navigator.connection : undefined;
  const world = { network: globalThis, line: line instanceof EventTarget ? line : undefined };
  const unwatchHints = watchHints({ ...world, clock: browserClock }, transfers.hint);
  return (message) => {
    switch (message.type) {
      case "begin":
        return;
      case "list":
        return answer(message.question, list());
      case "forget":
        return answer(message.question, nothing(forgetOne(place, message)));
      case "forget download":
        return answer(message.question, nothing(downloads.forget(message)));
      case "listen":
        return files.onBegun(tellOthers);
      case "hint":
        return transfers.hint();
      case "end":
        return end();
      case "upload":
        return uploads.begin(message.id, message.upload, tokenOf(message.id, message.upload.token));
      case "sign":
        return void sign(message);
      case "download":
        return downloads.begin(
          message.id,
          message.download,
          tokenOf(message.id, message.download.token),
        );
      case "keep":
        return downloads.keep(message.working);
      case "drop":
        return answer(message.question, nothing(downloads.drop(message.working)));
      case "token":
        return settle(message.question)?.resolve(message.token);
      case "no token":
        return settle(message.question)?.reject(decodeError(message.error));
      default:
        return transfers.command(message.id, message.type);
    }
  };
}
