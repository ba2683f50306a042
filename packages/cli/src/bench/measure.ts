// One transfer there and one back, measured: time and this program's processor time.
import { randomBytes } from "node:crypto";
import type { AskOptions, Ports, Transfer, TransferOptions } from "@holdfast/client";
import { forgettingSink, generatedSource } from "./content.ts";

export interface Measure {
  readonly seconds: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Of this program. */
  readonly cpuSeconds: number;
}

export interface Round {
  readonly upload: Measure;
  readonly download: Measure;
}

export interface Track {
  readonly to: string;
  readonly ports: Ports;
  readonly options: TransferOptions & AskOptions;
  /** Told of the transfer that runs now, so that somebody can stop it. */
  readonly onTransfer: (transfer: Transfer | undefined) => void;
  /** Told of the file that is to be removed, and of its removal. */
  readonly onFile: (url: string | undefined) => void;
}

/** Uploads and downloads `size` bytes, and removes them from the server. @throws HoldfastError */
export async function runRound(size: number, track: Track): Promise<Round> {
  const { startDownload, startUpload, deleteFile } = await import("@holdfast/client/node");
  const { to, ports, options } = track;
  const name = `holdfast-bench-${randomBytes(6).toString("hex")}`;
  const up = await measured(size, track, () =>
    startUpload(async () => generatedSource(name, size), { ...options, to }, ports),
  );
  track.onFile(up.url);
  const down = await measured(size, track, () =>
    startDownload(async () => forgettingSink(name), { ...options, url: up.url }, ports),
  );
  await deleteFile({ ...options, url: up.url }, ports);
  track.onFile(undefined);
  return { upload: up.measure, download: down.measure };
}

async function measured(
  size: number,
  { onTransfer }: Track,
  start: () => Transfer,
): Promise<{ readonly url: string; readonly measure: Measure }> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const transfer = start();
  onTransfer(transfer);
  try {
    const { url } = await transfer.done;
    const seconds = (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { url, measure: { seconds, rate: size / seconds, cpuSeconds: (user + system) / 1e6 } };
  } finally {
    onTransfer(undefined);
  }
}
