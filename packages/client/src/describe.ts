// What a file is, before anything of it is moved: its manifest, asked for until there is an answer.
import { decodeManifest, HoldfastError, type Manifest } from "@holdfast/protocol";
import { type AnyFile, askAnyFile } from "./any-file.ts";
import {
  checkAnyAddress,
  checkFileAddress,
  forReading,
  isFileAddress,
  manifestAddress,
} from "./file-address.ts";
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

type DescribePorts = Pick<Ports, "transport" | "clock" | "random" | "digester" | "share">;

/** Resolves with the file's manifest, whose root has been computed anew. Closes nothing. @throws HoldfastError `usage` where a file of another server is there */
export async function describeFile(
  options: DescribeOptions,
  ports: DescribePorts,
): Promise<Manifest> {
  return requireManifest(await describeAnyFile(options, ports));
}

/** As `findFile`, but no others. @throws HoldfastError `usage` */
export async function findManifest(
  wire: Wire,
  digester: Digester,
  address: Address,
): Promise<Manifest> {
  return requireManifest(await findFile(wire, digester, address));
}

/** @throws HoldfastError `usage` of a file of any other server: nothing says what its parts have to be */
export function requireManifest(found: Described): Manifest {
  if (found.kind === "manifest") return found.manifest;
  throw new HoldfastError("usage", "only a file that Holdfast serves says what its parts are", {
    hint: "holdfast download fetches one of any other server; --sha256 says what it has to be.",
  });
}

/** What an address leads to: a file of ours with its manifest, or one of any HTTP server. Closes nothing. @throws HoldfastError */
export function describeAnyFile(
  options: DescribeOptions,
  ports: DescribePorts,
): Promise<Described> {
  const asking = forReading(options);
  const { url, token } = asking;
  return insist(asking, ports, (wire, call) =>
    findFile(wire, ports.digester, { url, hasToken: token !== undefined, ...call }),
  );
}

async function insist<T>(
  options: DescribeOptions,
  ports: DescribePorts,
  work: (wire: Wire, call: Pick<WireRequest, "attempt" | "signal">) => Promise<T>,
): Promise<T> {
  const { giveUpMs, onTrouble = () => undefined } = options;
  const { clock, random } = ports;
  const signal = options.signal ?? new AbortController().signal;
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
    (attempt) => work(wire, { attempt, signal }),
  );
}

export type Described =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  | { readonly kind: "any"; readonly file: AnyFile };

export interface Address extends Pick<WireRequest, "attempt" | "signal"> {
  /** As it was given. */
  readonly url: string;
  readonly hasToken: boolean;
}

/** At an address that looks like one of ours nothing else is believed to be a file: a captive portal answers there too. @throws HoldfastError */
export async function findFile(
  wire: Wire,
  digester: Digester,
  { url: address, hasToken, attempt, signal }: Address,
): Promise<Described> {
  if (!isFileAddress(address)) {
    const file = await askAnyFile(wire, { url: checkAnyAddress(address), attempt, signal });
    if (file !== "holdfast") return { kind: "any", file };
  }
  const url = checkFileAddress(address, hasToken);
  return {
    kind: "manifest",
    manifest: await fetchManifest(wire, digester, { url, attempt, signal }),
  };
}

/** @throws HoldfastError `download_corrupt` where it is none, or does not fit its root; where `wants` is `sound`, `part_damaged` where the server knows that stored bytes of the file are bad */
export async function fetchManifest(
  wire: Wire,
  digester: Digester,
  { url, attempt, signal }: Pick<WireRequest, "url" | "attempt" | "signal">,
  wants: "anything" | "sound" = "anything",
): Promise<Manifest> {
  const headers = { "accept-encoding": "identity" };
  const asked = { method: "GET", url: manifestAddress(url), headers, attempt, signal } as const;
  // With its parts it may be long, and the next request for bytes goes out on the same connection.
  const request = { ...asked, room: () => undefined };
  const text = await wire.send(request, (answer) => {
    const damaged = answer.header("holdfast-damaged");
    if (wants === "anything" || damaged === undefined) return answer.text();
    throw new HoldfastError("part_damaged", undefined, { index: Number.parseInt(damaged, 10) });
  });
  try {
    return decodeManifest(digester.sha256, text);
  } catch (cause) {
    throw new HoldfastError("download_corrupt", "the file's manifest is malformed", {}, cause);
  }
}
