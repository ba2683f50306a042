// A file in a listing, as a line for a person.
import { encodeHex, type ListedFile } from "@holdfast/protocol";
import { formatSize } from "./sizes.ts";
import { printable } from "./terminal.ts";

/** Id, size, time and name; with an address also what a long listing has. */
export function fileLine(file: ListedFile, address: string | undefined): string {
  const words = [
    file.id,
    formatSize(file.size).padStart(9),
    formatTime(file.createdAt),
    printable(file.name),
  ];
  if (address === undefined) return `${words.join("  ")}\n`;
  return `${words.join("  ")}\n    ${printable(file.type)}  root ${encodeHex(file.root)}\n    ${address}\n`;
}

/** Local time to the minute: `2026-11-21 07:05`. */
export function formatTime(at: number): string {
  const date = new Date(at);
  const two = (count: number): string => String(count).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
