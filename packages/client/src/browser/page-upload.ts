// An upload as a page has it: a transfer that can be handed to the browser, where the site has a service worker.
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Progress } from "../events.ts";
import type { Background, BackgroundOptions, BackgroundParts } from "./background.ts";
import type { PageTransfer, Transfer } from "./page-transfer.ts";
import { OURS } from "./service-worker-messages.ts";

export interface Upload extends Transfer {
  /**
   * Hands what is missing to the browser, which sends it even where no page is left: by Background Fetch, which Chromium has, for a page of the server's own origin with a service worker.
   * All of it is read once more first: keep the page until this resolves. Then the upload is `paused`, `where` is `background`, and it goes on by itself when the browser is done;
   * `resume`, `pause` and `abort` take it back before. Completing it takes a page.
   *
   * @throws HoldfastError `background_unsupported`, and whatever else asking the server or reading the file meets: the upload goes on as it was; `aborted` where it was taken back meanwhile
   */
  toBackground(options?: Partial<BackgroundOptions>): Promise<void>;
}

export interface PageUploadParts extends Pick<BackgroundParts, "sign" | "command"> {
  readonly begun: PageTransfer;
  readonly blob: Blob;
  /** What a person calls it. */
  readonly title: string;
  /** The server's address, and what tells the file from others: undefined where no page would find it again. */
  readonly to: string;
  readonly identity: string | undefined;
  readonly registered: Promise<ServiceWorkerRegistration | undefined>;
  /** Told before anything is handed over. */
  readonly onBackground: (background: Background) => void;
}

export function createPageUpload(parts: PageUploadParts): Upload {
  const { title, begun } = parts;
  const { pause, resume, abort, on, done } = begun.transfer;
  const background = backgroundOf(parts);
  // Where it cannot be loaded, whoever wants it is told.
  background.catch(() => "nothing is handed over");
  return {
    ...{ pause, resume, abort, on, done },
    get state() {
      return begun.transfer.state;
    },
    async toBackground(options) {
      const made = await background.catch((error: unknown) => {
        throw toHoldfastError(error);
      });
      if (!made) {
        const why = "the page has no service worker for it, or it is no file";
        throw new HoldfastError("background_unsupported", why);
      }
      await made.handOver({ title, ...options });
    },
  };
}

/** Has found what an earlier page handed over when it resolves. */
async function backgroundOf(parts: PageUploadParts): Promise<Background | undefined> {
  const { to, identity, registered, blob: file, begun, sign, command, onBackground } = parts;
  const registration = await registered;
  if (!registration || identity === undefined) return undefined;
  const { createBackground } = await import("./background.ts");
  let last: Progress | undefined;
  const made = createBackground({
    ...{ id: nameOf(to, identity), file, registration, sign, command, show: begun.move },
    sent(sent) {
      if (last) begun.accept({ name: "progress", value: { ...last, sent } });
    },
  });
  onBackground(made);
  made.note(begun.transfer.state);
  begun.transfer.on("state", made.note);
  begun.transfer.on("progress", (progress) => {
    last = progress;
  });
  await made.find();
  return made;
}

/** The same in every page of the site. */
function nameOf(to: string, identity: string): string {
  return `${OURS}${to.replace(/\/+$/, "")} ${identity}`;
}
