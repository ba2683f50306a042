// Reads a committed vector file; the caller says what it holds, as any reader of the files must.
import { readFileSync } from "node:fs";

export function vectorText(name: string): string {
  return readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8");
}

export function loadVectors<T>(name: string): T {
  return JSON.parse(vectorText(name));
}
