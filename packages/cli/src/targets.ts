// What a command is about, as people name it: by address, by id, or by a path on this machine.
import { HoldfastError } from "@holdfast/protocol";
import { parseFileAddress } from "./addresses.ts";

export type Target =
  | { readonly kind: "upload" | "file"; readonly url: string; readonly id: string }
  /** Of an upload or of a file: both look the same. */
  | { readonly kind: "id"; readonly id: string }
  | { readonly kind: "path"; readonly path: string };

const ID = /^[a-z2-7]{25}[aeimquy4]$/;
/** A file's may be a signed link. */
const PATH = /\/v1\/(?:uploads\/([a-z2-7]{26})\/?|files\/([a-z2-7]{26})\/?(?:\?.*)?)$/;

/** @throws HoldfastError `usage` for an address that is neither an upload's nor a file's */
export function parseTarget(text: string): Target {
  if (ID.test(text)) return { kind: "id", id: text };
  if (!/^https?:\/\//i.test(text)) return { kind: "path", path: text };
  const url = parseFileAddress(text);
  const [, upload, file] = PATH.exec(url) ?? [];
  if (upload !== undefined) return { kind: "upload", url, id: upload };
  if (file !== undefined) return { kind: "file", url, id: file };
  throw new HoldfastError("usage", "the address is neither an upload's nor a file's", {
    hint: "Those end with /v1/uploads/ID or /v1/files/ID; upload prints the file's.",
  });
}

export function uploadAddress(server: string, id: string): string {
  return `${server.replace(/\/+$/, "")}/v1/uploads/${id}`;
}

export function fileAddress(server: string, id: string): string {
  return `${server.replace(/\/+$/, "")}/v1/files/${id}`;
}
