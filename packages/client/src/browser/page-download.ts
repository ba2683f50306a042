// A download as a page has it: a transfer, and at its end a file that the page can save.
import { HoldfastError } from "@holdfast/protocol";
import type { DownloadOptions as CoreOptions } from "../download.ts";
import type { Result } from "../state.ts";
import type { PageTransfer, Transfer } from "./page-transfer.ts";
import type { Place } from "./target.ts";

export interface DownloadOptions extends Omit<CoreOptions, "limitRate" | "manifest" | "url"> {
  /**
   * Where the file goes once it is whole: what a person chose in `showSaveFilePicker`, or a folder of `showDirectoryPicker`. Without it the browser keeps the file
   * until it is saved.
   */
  readonly handle?: FileSystemFileHandle | FileSystemDirectoryHandle;
  /** How the file is called where it is saved; in a folder it has to be named. As its server calls it by default. */
  readonly name?: string;
}

export interface Downloaded extends Result {
  readonly name: string;
  /** Undefined where it went to a place of its own. Its bytes are on disk, and may be read until `forget`. */
  readonly file: File | undefined;
  /** Has the browser save the file among a person's downloads, as a link would. Nothing where it went to a place of its own. */
  save(): void;
  /**
   * Removes what the browser keeps of it, once it is saved: no browser tells when that is. What nobody forgets goes after a day.
   *
   * @throws HoldfastError `transfer_busy` where a tab is at the same file
   */
  forget(): Promise<void>;
}

export interface Download extends Omit<Transfer, "done"> {
  /** Settles when nothing of it runs any more. @throws HoldfastError */
  readonly done: Promise<Downloaded>;
}

/** Browsers read what is saved in their own time: the address has to live until they have begun. In milliseconds. */
const SAVING_MS = 60_000;

interface Chosen {
  readonly handle: DownloadOptions["handle"] | undefined;
  readonly name: string | undefined;
}

/** @throws HoldfastError `usage` */
export function placeOf({ handle, name }: Chosen): Place {
  if (!handle) return { kind: "kept" };
  if (handle.kind === "file") return { kind: "file", handle };
  if (name === undefined) throw new HoldfastError("usage", "a file in a folder needs a `name`");
  return { kind: "folder", folder: handle, name };
}

/** `drop` removes what is kept under a name. */
export function createPageDownload(
  { transfer, done: brought }: PageTransfer,
  wanted: string | undefined,
  drop: (working: string) => Promise<void>,
): Download {
  let name = wanted ?? "download";
  transfer.on("created", (told) => {
    name = wanted ?? told.name ?? name;
  });
  const done = brought.then(({ file: bytes, ...result }): Downloaded => {
    const file = bytes && new File([bytes], name);
    let dropping: Promise<void> | undefined;
    return {
      ...result,
      name,
      file,
      save() {
        if (file) saveFile(file);
      },
      async forget() {
        // Twice would be once for another download of the same, whose file may still be in use.
        dropping ??= bytes && drop(bytes.name);
        await dropping?.catch((error: unknown) => {
          dropping = undefined;
          throw error;
        });
      },
    };
  });
  // Who listens to events only must not meet an unhandled rejection.
  done.catch(() => "told by the error event");
  const { pause, resume, abort, on } = transfer;
  return {
    pause,
    resume,
    abort,
    on,
    done,
    get state() {
      return transfer.state;
    },
  };
}

function saveFile(file: File): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), SAVING_MS);
}
