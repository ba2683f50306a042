// What is sent: the requests of one upload to Holdfast, and of the same bytes to @tus/server.
import { open } from "node:fs/promises";
import { type Algorithm, encodePartDigests, encodeRunPath, MIB } from "@holdfast/protocol";
import { systemDigester } from "../packages/client/src/node/platform.ts";
import { askJson } from "./ask.ts";
import type { PlannedRequest } from "./load.ts";

export const GIB: number = 1024 * MIB;
export const BODY: number = 8 * MIB;
export const SOURCE_SIZE: number = 256 * MIB;

/** How parts of the source are digested. */
export interface Digesting {
  readonly algorithm: Algorithm;
  /** In bytes. */
  readonly partSize: number;
}

const USUAL: Digesting = { algorithm: "sha-256", partSize: MIB };

/** The digest of every part of the source. */
export async function digestSource(
  path: string,
  { algorithm, partSize }: Digesting = USUAL,
): Promise<readonly Uint8Array[]> {
  const file = await open(path, "r");
  const part = Buffer.alloc(partSize);
  const digests: Uint8Array[] = [];
  try {
    for (let at = 0; at < SOURCE_SIZE; at += partSize) {
      await file.read(part, 0, partSize, at);
      digests.push(await systemDigester.digest(part, algorithm));
    }
  } finally {
    await file.close();
  }
  return digests;
}

export async function createUpload(url: string, size: number, more: object = {}): Promise<string> {
  const { body } = await askJson(url, "POST", "/v1/uploads", { name: "bench", size, ...more });
  return String(body.get("id"));
}

export async function completeUpload(url: string, id: string): Promise<void> {
  await askJson(url, "POST", `/v1/uploads/${id}/complete`, {});
}

/** An upload of `size` bytes as runs of 8 MiB, of parts of 1 MiB unless told, each a group of its own, or all of them one group. */
export function runsOf(
  id: string,
  size: number,
  digests: readonly Uint8Array[],
  group?: number,
  { algorithm, partSize }: Digesting = USUAL,
): PlannedRequest[] {
  return Array.from({ length: size / BODY }, (_, run) => {
    const first = (run * BODY) / partSize;
    const parts = Array.from({ length: BODY / partSize }, (_part, at) => first + at);
    const ours = parts.flatMap((part) => digests[part % digests.length] ?? []);
    return {
      group: group ?? run,
      method: "PUT",
      path: `/v1/uploads/${id}/parts/${encodeRunPath([first, first + parts.length])}`,
      headers: { "part-digest": encodePartDigests(algorithm, ours) },
      bodyOffset: run * BODY,
      bodySize: BODY,
    };
  });
}

/** Where a server of tus takes creations, and where an upload is then. */
export interface TusPaths {
  readonly create: string;
  readonly upload: string;
}

/** `@tus/server` as its documentation sets it up, and Holdfast, which names an upload relative to where it was created. */
export const TUS_PATHS: Readonly<Record<"tus" | "holdfast", TusPaths>> = {
  tus: { create: "/files", upload: "@L@" },
  holdfast: { create: "/tus/", upload: "/tus/@L@" },
};

/** As many tus uploads of `bodySize` bytes as make `size`: each one is created, then sent in one PATCH. */
export function tusUploads(
  size: number,
  bodySize: number,
  { create, upload }: TusPaths = TUS_PATHS.tus,
): PlannedRequest[] {
  return Array.from({ length: size / bodySize }, (_, group) => group).flatMap((group) => [
    {
      group,
      method: "POST",
      path: create,
      headers: { "tus-resumable": "1.0.0", "upload-length": `${bodySize}` },
      bodyOffset: 0,
      bodySize: 0,
    },
    {
      group,
      method: "PATCH",
      path: upload,
      headers: {
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
      },
      bodyOffset: group * bodySize,
      bodySize,
    },
  ]);
}

/** One upload of `size` bytes by Resumable Uploads for HTTP: begun with none of them, then sent in one PATCH that ends it. It names no version, so that nothing comes before an answer. */
export function resumableUpload(size: number): PlannedRequest[] {
  return [
    {
      group: 0,
      method: "POST",
      path: "/v1/files",
      headers: { "upload-complete": "?0", "upload-length": `${size}` },
      bodyOffset: 0,
      bodySize: 0,
    },
    {
      group: 0,
      method: "PATCH",
      path: "@L@",
      headers: {
        ...{ "upload-offset": "0", "upload-complete": "?1" },
        "content-type": "application/partial-upload",
      },
      bodyOffset: 0,
      bodySize: size,
    },
  ];
}

/** As many files of `bodySize` bytes, each by one PUT, for servers that take a path. */
export function putFiles(count: number, bodySize: number): PlannedRequest[] {
  return Array.from({ length: count }, (_, group) => ({
    group,
    method: "PUT",
    path: `/file-${group}`,
    headers: {},
    bodyOffset: group * bodySize,
    bodySize,
  }));
}
