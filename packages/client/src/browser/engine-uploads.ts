// The uploads of an engine: files of the page, and what leads back to them.
import { HoldfastError } from "@holdfast/protocol";
import type { TokenSource } from "../auth.ts";
import type { SignedPart } from "../direct/sign-rest.ts";
import type { Ports, Source } from "../ports.ts";
import { startUpload, type Upload } from "../upload.ts";
import type { Transfers } from "./engine-transfers.ts";
import { watchExpiry } from "./expiry.ts";
import type { FileChannel } from "./file-channel.ts";
import type { Handles } from "./handles.ts";
import { openKeptSource } from "./kept-source.ts";
import type { SentUpload, Settings } from "./messages.ts";
import { browserClock, browserRandom } from "./platform.ts";
import { openBlobSource } from "./source.ts";
import type { Turn } from "./turns.ts";

/** Runs of one upload in flight: browsers have six connections to a server, and one is for what is asked meanwhile. */
const AT_ONCE = 5;

interface UploadsParts {
  readonly ports: Ports;
  readonly settings: Settings;
  readonly transfers: Transfers;
  readonly takeTurn: (to: string) => Turn;
  readonly handles: Handles;
  readonly files: Pick<FileChannel, "offer" | "drop">;
}

interface Uploads {
  begin(id: number, sent: SentUpload, token: TokenSource | undefined): void;
  /** Pauses it; what brings its rest, if that leads to this origin. @throws HoldfastError `background_unsupported` and what asking met */
  sign(id: number, origin: string): Promise<readonly SignedPart[]>;
}

export function createUploads(parts: UploadsParts): Uploads {
  const { ports, settings, transfers, takeTurn, handles, files } = parts;
  const { owner } = settings;
  const running = new Map<number, Upload>();

  /** Its handle is kept before there is a checkpoint that it would be needed for. */
  async function open({ blob, handle, path, identity }: SentUpload): Promise<Source> {
    const openBlob = (one: Blob) => openBlobSource(one, { random: browserRandom, path, owner });
    const canFind = handle !== undefined && blob instanceof File;
    const source = canFind ? await openKeptSource(blob, handle, openBlob) : await openBlob(blob);
    const named = { ...source, identity: identity ?? source.identity };
    // Where it cannot be kept, neither can the checkpoint, which is told.
    if (canFind) await handles.keep(named.identity, handle).catch(() => undefined);
    return named;
  }

  function begin(id: number, sent: SentUpload, token: TokenSource | undefined): void {
    const { blob, options } = sent;
    let opened: Source | undefined;
    const turn = takeTurn(options.to);
    const common = {
      // Another tab that is at it does the same work: this one goes on with it should that one end.
      whenBusy: "wait" as const,
      inFlight: settings.inFlight ?? AT_ONCE,
      ...(blob.type === "" ? {} : { type: blob.type }),
    };
    const share = transfers.share(id, (what) => void transfer[what](), {
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
      { ...common, ...options, ...(token === undefined ? {} : { token }) },
      { ...ports, checkpoints: share.claiming(ports.checkpoints) },
    );
    running.set(id, transfer);
    transfers.follow(id, { transfer, share, turn }, async (result) => result);
    const unwatch = watchExpiry(browserClock, transfer, (detail) =>
      share.note({ name: "notice", value: { code: "upload_ended", detail } }),
    );
    transfer.done.then(unwatch, unwatch);
    // Of one that has failed, it leads to what is gone on with.
    const forget = () => {
      running.delete(id);
      const isOver = transfer.state === "complete" || transfer.state === "aborted";
      if (opened && isOver) void handles.forget(opened.identity);
    };
    transfer.done.then(forget, forget);
  }

  return {
    begin,
    async sign(id, origin) {
      const upload = running.get(id);
      if (!upload) throw new HoldfastError("background_unsupported", "the upload has ended");
      return upload.signRest((url) => new URL(url).origin === origin);
    },
  };
}
