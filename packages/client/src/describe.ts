// What a file is, before anything of it is moved: its manifest, asked for until there is an answer.
import { decodeManifest, HoldfastError, type Manifest } from "@holdfast/protocol";
import { checkFileAddress, manifestAddress } from "./file-address.ts";
import { type TransferOptions, wireOf } from "./options.ts";
import { persist } from "./persist.ts";
import type { Digester, Ports } from "./ports.ts";
import type { Trouble } from "./state.ts";
import type { Wire, WireRequest } from "./wire.ts";

export interface DescribeOptions extends TransferOptions {
  /** Absolute address of the file. */
  readonly url: string;
  readonly signal?: AbortSignal;
  readonly onTrouble?: (trouble: Trouble) => void;
}

/** Resolves with the file's manifest, whose root has been computed anew. Closes nothing. @throws HoldfastError */
export async function describeFile(
  options: DescribeOptions,
  ports: Pick<Ports, "transport" | "clock" | "random" | "digester" | "share">,
): Promise<Manifest> {
  const { giveUpMs, onTrouble = () => undefined } = options;
  const { clock, random, digester } = ports;
  const signal = options.signal ?? new AbortController().signal;
  const url = checkFileAddress(options.url, options.token !== undefined);
  const wire = wireOf(ports, options);
  const startedAt = clock.monotonic();
  return persist(
    {
      clock,
      random,
      signal,
      onTrouble,
      progressAt: () => startedAt,
      ...(giveUpMs === undefined ? {} : { giveUpMs }),
    },
    (attempt) => fetchManifest(wire, digester, { url, attempt, signal }),
  );
}

/** @throws HoldfastError `download_corrupt` where it is none, or does not fit its root */
export async function fetchManifest(
  wire: Wire,
  digester: Digester,
  { url, attempt, signal }: Pick<WireRequest, "url" | "attempt" | "signal">,
): Promise<Manifest> {
  const headers = { "accept-encoding": "identity" };
  const request = { method: "GET", url: manifestAddress(url), headers, attempt, signal } as const;
  const text = await wire.send(request, (answer) => answer.text());
  try {
    return decodeManifest(digester.sha256, text);
  } catch (cause) {
    throw new HoldfastError("download_corrupt", "the file's manifest is malformed", {}, cause);
  }
}
