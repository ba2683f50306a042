// Starts the engine of a page: in a worker, or in the page itself where there can be none.
import type { Settings, ToEngine, ToPage } from "./messages.ts";

export interface EngineLink {
  send(message: ToEngine): void;
  /** When nothing runs any more. */
  close(): void;
}

export interface EngineLinkOptions {
  readonly settings: Settings;
  readonly startWorker: () => Worker;
  readonly onMessage: (message: ToPage) => void;
  /** There is no worker: the page itself does the work. */
  readonly onNoWorker: (why: string) => void;
  /** The worker broke while it was at work: nothing comes of what it was at. */
  readonly onBroken: (why: string) => void;
}

export function startEngine(options: EngineLinkOptions): EngineLink {
  const { settings, startWorker, onMessage, onNoWorker, onBroken } = options;
  // Until the engine has answered, it may have to be started once more elsewhere.
  let unheard: ToEngine[] | undefined = [{ type: "begin", settings }];
  let worker: Worker | undefined;
  let port = connect(beginInWorker);

  function connect(hand: (port: MessagePort) => void): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<ToPage>) => {
      if (data.type === "ready") unheard = undefined;
      else onMessage(data);
    };
    for (const message of unheard ?? []) port1.postMessage(message);
    hand(port2);
    return port1;
  }

  function beginInWorker(theirs: MessagePort): void {
    try {
      worker = startWorker();
    } catch (error) {
      // Whoever is here has no port yet.
      queueMicrotask(() => beginHere(error instanceof Error ? error.message : String(error)));
      return;
    }
    worker.onerror = ({ message }) => {
      const why = message || "its script cannot be loaded";
      worker?.terminate();
      worker = undefined;
      if (unheard) beginHere(why);
      else onBroken(why);
    };
    worker.postMessage(undefined, [theirs]);
  }

  function beginHere(why: string): void {
    onNoWorker(why);
    port.close();
    port = connect((theirs) => {
      import("./engine.ts").then(
        ({ serveEngine }) => serveEngine(theirs),
        (error: unknown) => onBroken(error instanceof Error ? error.message : String(error)),
      );
    });
  }

  return {
    send(message) {
      port.postMessage(message);
      unheard?.push(message);
    },
    close() {
      // A worker need not be told, but there may be none.
      port.postMessage({ type: "end" } satisfies ToEngine);
      port.close();
      worker?.terminate();
    },
  };
}
