// One file, or standard input, as a job of an upload.
import { basename } from "node:path";
import type { Client } from "@holdfast/client/node";
import type { Algorithm, Metadata, TransferWay } from "@holdfast/protocol";
import { lookup } from "mrmime";
import type { Job } from "./batch.ts";
import type { FoundFile } from "./files/found.ts";
import { standardInput } from "./standard-streams.ts";

/** The word for standard input and output. */
export const STDIO = "-";
/** What comes through standard input is called this where nobody says otherwise. */
const STREAM_NAME = "stdin";
/** The metadata key under which a file found in a directory keeps its path from there, with `/`. */
export const PATH_KEY = "path";

/** What is told of every file alike. */
export interface Told {
  readonly each: {
    readonly to: string;
    readonly token?: string;
    readonly giveUpMs?: number;
    readonly partSize?: number;
    readonly digest?: Algorithm;
    readonly sha256?: string;
    readonly verify?: "readback";
    readonly live?: true;
    readonly transfer?: TransferWay;
    readonly whenBusy?: "wait";
  };
  readonly isMany: boolean;
  readonly resume: boolean;
  readonly name?: string;
  readonly type?: string;
  readonly size?: number;
  readonly metadata?: Metadata;
}

export function fileJob(client: Client, file: FoundFile, told: Told): Job {
  const { each, isMany, resume, name, metadata } = told;
  const { path, size, relative } = file;
  const type = told.type ?? lookup(name ?? path);
  const kept = new Map([
    ...(metadata ?? []),
    ...(relative === undefined ? [] : [[PATH_KEY, relative] as const]),
  ]);
  const choices = {
    ...each,
    resume,
    ...(kept.size === 0 ? {} : { metadata: kept }),
    ...(name === undefined ? {} : { name }),
    ...(type === undefined ? {} : { type }),
  };
  return {
    label: relative ?? path,
    size,
    onStop: "pause",
    line: ({ url }) => (isMany ? `${url}\t${relative ?? basename(path)}` : url),
    start: async () => client.upload(path, choices),
  };
}

/** What is stopped of it is taken back: no other process can go on with it. */
export function streamJob(client: Client, told: Told): Job {
  const { each, isMany, name = STREAM_NAME, size, metadata } = told;
  const type = told.type ?? lookup(name);
  const choices = {
    ...each,
    name,
    ...(size === undefined ? {} : { expectedSize: size }),
    ...(type === undefined ? {} : { type }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return {
    label: STDIO,
    size: undefined,
    onStop: "abort",
    line: ({ url }) => (isMany ? `${url}\t${name}` : url),
    start: async () => client.uploadStream(standardInput(), choices),
  };
}
