// Keeps a download's journal while it runs: every few seconds what has arrived is flushed, then named.
import { countParts, createPartSet, type HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { type Content, type DownloadJob, openedSinkOf } from "./download-job.ts";
import { encodeJournal } from "./journal.ts";

/** A crash costs the reading, not the fetching, of what arrived in so many milliseconds. */
const EVERY_MS = 5_000;

export interface Journal {
  /** A part more is written. @throws HoldfastError `sink_failed` where a flush has failed: what was written since the one before it may be lost */
  wrote(): void;
  /** Names all that is written by now. Resolves when that survives power loss. @throws HoldfastError `sink_failed` */
  save(): Promise<void>;
  /** Names nothing any more by itself. */
  stop(): void;
  /** Resolves when nothing is being named. @throws HoldfastError `sink_failed` where a flush has failed: the next one of the same file says nothing of what that lost */
  settled(): Promise<void>;
}

export function createJournal(
  job: DownloadJob,
  { version, pin, verified, doubtful }: Content,
): Journal {
  const { clock, digester } = job.ports;
  const { sink } = openedSinkOf(job);
  let written = 0;
  let named = 0;
  let saving = Promise.resolve();
  let callOff: (() => void) | undefined;
  let failure: HoldfastError | undefined;
  let isKept = true;

  async function saveNow(): Promise<void> {
    if (failure) throw failure;
    if (!isKept || written === named) return;
    const upTo = written;
    // As it is before the flush: what is written while that runs, the next one names.
    const parts = createPartSet(verified.partCount, verified.bits);
    const isRead = countParts(doubtful) === 0;
    try {
      await sink.note((mark) =>
        encodeJournal(digester, version, {
          parts,
          mark: isRead ? mark : "",
          digests: pin.kind === "etag" ? version.digests : undefined,
        }),
      );
      named = upTo;
    } catch (error) {
      const told = toHoldfastError(error);
      // Without a journal everything is read again the next time; without its bytes it would have to be fetched.
      if (told.code !== "checkpoint_failed") {
        failure = told;
        throw told;
      }
      isKept = false;
      job.emit("notice", { code: told.code, detail: told.message });
    }
  }

  function save(): Promise<void> {
    saving = saving.catch(() => undefined).then(saveNow);
    return saving;
  }

  return {
    save,
    async settled() {
      await saving.catch(() => "told below");
      if (failure) throw failure;
    },
    wrote() {
      if (failure) throw failure;
      written++;
      callOff ??= clock.after(EVERY_MS, () => {
        callOff = undefined;
        save().catch(() => "thrown by the next part, or by the end");
      });
    },
    stop() {
      callOff?.();
      callOff = undefined;
    },
  };
}
