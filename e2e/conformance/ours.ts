// Holdfast itself for the suite: the command as its users start it, with pages of an origin let in, and a token that may upload so much and no more.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeUpload } from "@holdfast/protocol";
import { startCli, textOf } from "@holdfast/testkit/process";
import type { Field } from "./message.ts";
import type { SuiteName } from "./suite.ts";

/** Bytes that an upload may have, here and at the servers that Holdfast is compared with. */
export const SIZE_MAX: number = 16 * 1024 * 1024;

export interface Ours {
  /** Where uploads are created, or what is read, by the name of the suite. */
  readonly urls: Readonly<Record<SuiteName, string>>;
  /** The same, where HTTP/2 is spoken. */
  readonly h2Urls: Readonly<Record<SuiteName, string>>;
  /** Its data directory. */
  readonly data: string;
  /** Go with every request. */
  readonly fields: readonly Field[];
  /** By the status of the own API, which every upload has and which ends nothing. */
  offsetOf(upload: URL): Promise<number>;
  stop(): Promise<void>;
}

/** `words` and `env` say where the bytes go; on the disk without them. */
export async function startOurs(
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ours> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-conformance-"));
  const place = ["--data", join(directory, "data"), "--port", "0", "--json"];
  const more = ["--origins", "https://page.example", "--h2c-port", "0"];
  const token = await makeToken(join(directory, "data"), env);
  const command = startCli(["serve", ...place, ...more, ...words], { env });
  const listening = await command.event("listening");
  const url = textOf(listening, "url").replace(/\/$/, "");
  const fields: readonly Field[] = [["Authorization", `Bearer ${token}`]];
  const file = await bringFile(url, fields);
  return {
    urls: urlsAt(url, file),
    h2Urls: urlsAt(`http://127.0.0.1:${listening.fields.get("h2cPort")}`, file),
    data: join(directory, "data"),
    fields,
    async offsetOf({ pathname }) {
      const id = pathname.slice(pathname.lastIndexOf("/") + 1);
      const headers = { Authorization: `Bearer ${token}` };
      const answer = await fetch(`${url}/v1/uploads/${id}`, { headers });
      return decodeUpload(await answer.json()).offset;
    },
    async stop() {
      command.kill("SIGKILL");
      await command.exit;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function urlsAt(url: string, file: string): Ours["urls"] {
  return { tus: `${url}/tus`, rufh: `${url}/v1/files`, ranges: `${url}${file}` };
}

/** What is read by rows of ranges, here and at the servers that Holdfast is compared with. */
export const FILE_CONTENT: string = Array.from(
  { length: 100 },
  (_, at) => `line ${at + 100}\n`,
).join("");

/** Resolves with its path. */
async function bringFile(url: string, fields: readonly Field[]): Promise<string> {
  const headers = { ...Object.fromEntries(fields), "content-type": "text/plain" };
  const disposition = { "content-disposition": "attachment; filename=lines.txt" };
  const answer = await fetch(`${url}/v1/files`, {
    method: "POST",
    headers: { ...headers, ...disposition },
    body: FILE_CONTENT,
  });
  const path = answer.headers.get("location");
  if (answer.status !== 201 || path === null) throw new Error(`no file: ${await answer.text()}`);
  return path;
}

/** As much as others let in: what a row can send more than. */
async function makeToken(data: string, env: Readonly<Record<string, string>>): Promise<string> {
  const words = ["--data", data, "--size-max", String(SIZE_MAX), "--json"];
  const command = startCli(["token", "create", ...words], { env });
  const token = textOf(await command.event("token"), "token");
  await command.exit;
  return token;
}
