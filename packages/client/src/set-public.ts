// Makes a file everybody's, at an address that caches may keep, or private again.
import { HoldfastError } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import { parseJson } from "./parse-json.ts";

export interface SetPublicOptions extends AskOptions {
  /** Absolute address of the file. */
  readonly url: string;
}

/** Resolves with the address where everybody may read it. May be repeated. @throws HoldfastError `file_not_found`, `forbidden` */
export async function makePublic(options: SetPublicOptions, ports: AskPorts): Promise<string> {
  const file = checkAddress(options.url, options.token !== undefined);
  const request = { method: "PUT", url: `${file}/public` } as const;
  const text = await ask(request, (answer) => answer.text(), options, ports);
  const path = new Map<string, unknown>(Object.entries(Object(parseJson(text)))).get("url");
  if (typeof path !== "string" || !/^\/public\/[a-z2-7]{26}$/.test(path))
    throw new HoldfastError("not_holdfast", "the answer names no address");
  return file.replace(/\/v1\/files\/[^/]*$/, "") + path;
}

/** Resolves when nobody gets it there any more; what caches have, they keep. May be repeated. @throws HoldfastError `file_not_found`, `forbidden` */
export async function makePrivate(options: SetPublicOptions, ports: AskPorts): Promise<void> {
  const file = checkAddress(options.url, options.token !== undefined);
  const request = { method: "DELETE", url: `${file}/public` } as const;
  await ask(request, (answer) => answer.text(), options, ports);
}
