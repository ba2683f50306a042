// The address of a database: it may hold a password, which nothing prints.
import { HoldfastError } from "@holdfast/protocol";

/** @throws HoldfastError `usage`, without the address in it */
export function parseDatabase(text: string): string {
  const url = URL.parse(text);
  if (url && /^postgres(ql)?:$/.test(url.protocol)) return text;
  throw new HoldfastError("usage", "not the address of a PostgreSQL", {
    hint: "It is like postgres://USER@HOST:5432/DATABASE.",
  });
}

/** The address with its password covered. */
export function shownDatabase(address: string): string {
  const url = URL.parse(address);
  if (!url) return "***";
  if (url.password !== "") url.password = "***";
  if (url.searchParams.has("password")) url.searchParams.set("password", "***");
  return url.href;
}

export function hasPassword(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.password !== "" || url.searchParams.has("password"));
}

/**
 * For an address of the command line, which everybody on this machine can read.
 *
 * @throws HoldfastError `usage`, without the password in it
 */
export function requireNoPassword(address: string, from: string): void {
  if (!hasPassword(address)) return;
  throw new HoldfastError("usage", `${from}: there is a password in it`, {
    hint: "Command lines are seen by everybody on this machine: put it into the file that PGPASSFILE names, or the address into HOLDFAST_METADATA.",
  });
}
