// The engine of a page as long as it is needed: started with the first thing that is asked of it, let go while the page is left, and asked again, by a page that is shown again, what it
// has not answered.
import { HoldfastError } from "@holdfast/protocol";
import type { EngineLink } from "./engine-link.ts";
import type { ToEngine } from "./messages.ts";

export interface EngineLife {
  /** Ids count up. Throws where something of it cannot travel, or nobody is there to see what becomes of it. */
  ask(make: (id: number) => ToEngine): number;
  /** It is not asked again. */
  answered(id: number): void;
  /** To the engine that there is, if there is one. */
  send(message: ToEngine): void;
  /** As `send`, but never to one that is started later. */
  sender(): (message: ToEngine) => void;
  /** One more message of `greeting`. */
  greet(message: ToEngine): void;
  /** Nothing comes any more of what was asked; the next question is another engine's. */
  drop(): void;
  /** Nothing may be asked any more. */
  close(): void;
}

export interface EngineLifeOptions {
  start(): EngineLink;
  /** What every engine is told before anything is asked of it. Where there is something, a page that is shown again needs an engine for that alone. */
  greeting(): readonly ToEngine[];
  /** It was asked again, after the page was left and shown again. */
  onAgain(id: number): void;
}

export function createEngineLife({ start, greeting, onAgain }: EngineLifeOptions): EngineLife {
  /** What was asked and has not been answered, by ids. */
  const open = new Map<number, ToEngine>();
  let lastId = 0;
  let link: EngineLink | undefined;
  let isClosed = false;

  function begin(): EngineLink {
    const begun = start();
    for (const message of greeting()) begun.send(message);
    return begun;
  }

  function drop(): void {
    open.clear();
    link?.close();
    link = undefined;
  }

  /** Browsers keep a page that is left, stopped as it is, to show it again: with its claims, no other page could go on with what it was at. */
  const onLeft = ({ persisted }: PageTransitionEvent) => {
    if (!persisted) return;
    link?.close();
    link = undefined;
  };
  const onBack = ({ persisted }: PageTransitionEvent) => {
    if (!persisted || (open.size === 0 && greeting().length === 0)) return;
    link ??= begin();
    for (const [id, message] of open) {
      link.send(asAgain(message));
      onAgain(id);
    }
  };
  addEventListener("pagehide", onLeft);
  addEventListener("pageshow", onBack);
  return {
    ask(make) {
      if (isClosed) throw new HoldfastError("aborted", "the client is closed");
      link ??= begin();
      lastId++;
      const message = make(lastId);
      link.send(message);
      open.set(lastId, message);
      return lastId;
    },
    answered: (id) => void open.delete(id),
    send: (message) => link?.send(message),
    sender() {
      const now = link;
      return (message) => now?.send(message);
    },
    greet(message) {
      if (link) link.send(message);
      else if (!isClosed) link = begin();
    },
    drop,
    close() {
      isClosed = true;
      removeEventListener("pagehide", onLeft);
      removeEventListener("pageshow", onBack);
      drop();
    },
  };
}

/** The second time, an upload goes on with what came of the first, even where it was to go on with nothing. */
function asAgain(message: ToEngine): ToEngine {
  if (message.type === "upload") {
    const { resume: _, ...options } = message.upload.options;
    return { ...message, upload: { ...message.upload, options } };
  }
  if (message.type !== "download") return message;
  const { resume: _, ...options } = message.download.options;
  return { ...message, download: { ...message.download, options } };
}
