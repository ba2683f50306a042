// The transfers of an engine: each has its voice in other tabs and its turn, and the page is told of it until it has ended.
import { type ErrorCode, encodeHex, type HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Transfer, WatchedTransfer } from "../events.ts";
import type { Result } from "../state.ts";
import { type Brought, encodeError, type SentEvent, type ToPage } from "./messages.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { type SharedUpload, type SharedUploadParts, shareUpload } from "./shared-upload.ts";
import type { Command, TabChannel } from "./tab-channel.ts";
import type { Turn } from "./turns.ts";

export interface Transfers {
  /** What other tabs are told of a transfer, and may tell it. What the page wants of it is told there too, from now on. */
  share(
    id: number,
    command: SharedUploadParts["command"],
    file: Pick<SharedUploadParts, "onBegun" | "onOver">,
  ): SharedUpload;
  /** Tells the page of a transfer until it has ended; `bring` makes what the page gets of what it ended with. */
  follow(id: number, followed: Followed, bring: (result: Result) => Promise<Brought>): void;
  /** One that is shared has not begun, and will not. */
  refuse(id: number, error: HoldfastError): void;
  command(id: number, what: Command): void;
  hint(): void;
  /** Each of them asks what is committed, meets the end there, and lets go of all that it has. */
  end(): void;
}

/** A transfer, its voice in other tabs, its turn. */
interface Followed {
  readonly transfer: WatchedTransfer;
  readonly share: SharedUpload;
  readonly turn: Turn;
}

export function createTransfers(channel: TabChannel, tell: (message: ToPage) => void): Transfers {
  const running = new Map<number, WatchedTransfer>();
  const shared = new Map<number, SharedUpload>();
  return {
    share(id, command, file) {
      const share = shareUpload({
        ...{ channel, clock: browserClock, name: encodeHex(browserRandom.bytes(16)) },
        show: (event) => tell({ type: "event", id, event }),
        onWhere: (where) => tell({ type: "where", id, where }),
        command,
        ...file,
      });
      shared.set(id, share);
      return share;
    },
    follow(id, { transfer, share, turn }, bring) {
      running.set(id, transfer);
      tellEvents(transfer, share.note);
      passTurn(transfer, turn);
      transfer.done
        .then(bring)
        .then(
          (result) => tell({ type: "complete", id, result }),
          (error: unknown) => {
            const sent = encodeError(toHoldfastError(error));
            tell({ type: "failed", id, state: transfer.state, error: sent });
          },
        )
        .finally(() => {
          share.leave();
          running.delete(id);
          shared.delete(id);
        });
    },
    refuse(id, error) {
      shared.delete(id);
      tell({ type: "failed", id, state: "failed", error: encodeError(error) });
    },
    command: (id, what) => shared.get(id)?.command(what),
    hint() {
      for (const transfer of running.values()) transfer.hint();
    },
    end() {
      for (const transfer of running.values()) {
        void transfer.pause();
        transfer.resume();
      }
    },
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
