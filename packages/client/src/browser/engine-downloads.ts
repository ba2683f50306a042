// The downloads of an engine: what they need besides is loaded with the first of them.
import { HoldfastError } from "@holdfast/protocol";
import type { TokenSource } from "../auth.ts";
import type { Ports } from "../ports.ts";
import type { Transfers } from "./engine-transfers.ts";
import type { SentDownload, Settings } from "./messages.ts";
import type { Command } from "./tab-channel.ts";
import type { Turn } from "./turns.ts";
import type { UnfinishedDownload } from "./unfinished-downloads.ts";

interface DownloadsParts {
  readonly ports: Ports;
  readonly settings: Settings;
  readonly transfers: Transfers;
  readonly takeTurn: (from: string) => Turn;
}

export interface Downloads {
  begin(id: number, sent: SentDownload, token: TokenSource | undefined): void;
  /** What the page still has of earlier downloads: nobody is to touch it. */
  keep(working: readonly string[]): void;
  /** What a download has kept is of no more use. @throws HoldfastError as `dropWorking` */
  drop(working: string): Promise<void>;
  /** @throws HoldfastError as `forgetDownload` */
  forget(one: Pick<UnfinishedDownload, "key" | "root">): Promise<void>;
}

/** There is nothing to hand over: each tab has a place of its own for what it downloads. */
const NO_FILE = { onBegun: () => undefined, onOver: () => undefined };

export function createDownloads(parts: DownloadsParts): Downloads {
  const { ports, settings, transfers, takeTurn } = parts;

  /** What it is told until all is loaded, it is told then. */
  async function start(
    id: number,
    sent: SentDownload,
    token: TokenSource | undefined,
  ): Promise<void> {
    const early: Command[] = [];
    let command = (what: Command) => void early.push(what);
    const share = transfers.share(id, (what) => command(what), NO_FILE);
    const { startBrowserDownload } = await import("./download.ts");
    const turn = takeTurn(`from ${new URL(sent.url).origin}`);
    const { inFlight, owner } = settings;
    const wanted = { ...sent, token, inFlight, owner };
    const download = startBrowserDownload(wanted, { ports, claiming: share.claiming }, async () => {
      await turn.come;
      if (transfer.state === "paused") turn.pass();
    });
    const { transfer } = download;
    transfers.follow(id, { transfer, share, turn }, async (result) => {
      const file = await download.whole();
      return file ? { ...result, file } : result;
    });
    command = (what) => void transfer[what]();
    early.forEach(command);
  }

  return {
    begin(id, sent, token) {
      start(id, sent, token).catch((cause: unknown) => {
        const why = `downloads cannot be loaded: ${String(cause)}`;
        transfers.refuse(id, new HoldfastError("internal", why));
      });
    },
    keep(working) {
      import("./download.ts")
        .then(({ keepWorking }) => Promise.all(working.map(keepWorking)))
        // As where the browser refuses the lock: it is kept for as long as nobody else is at it.
        .catch(() => undefined);
    },
    async drop(working) {
      const { dropWorking } = await import("./download.ts");
      await dropWorking(ports, working);
    },
    async forget(one) {
      const { forgetDownload } = await import("./download.ts");
      await forgetDownload(ports, one);
    },
  };
}
