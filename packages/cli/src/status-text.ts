// An upload or a file as a few lines for a person.
import {
  countParts,
  encodeHex,
  type Manifest,
  missingRanges,
  type PartRange,
  partCount,
  runSize,
  type UploadView,
} from "@holdfast/protocol";
import { formatDuration } from "./durations.ts";
import { formatTime } from "./ls-text.ts";
import { formatSize } from "./sizes.ts";
import { printable } from "./terminal.ts";

/** Ranges of missing parts that are shown. */
const RANGES_MAX = 8;

export type Rows = readonly (readonly [name: string, value: string])[];

/** Bytes of the committed parts. */
export function committedBytes(view: UploadView): number {
  let missing = 0;
  for (const [start, end] of missingRanges(view.committed)) missing += runSize(view, start, end);
  return view.size - missing;
}

export function uploadRows(view: UploadView, now: number): Rows {
  const { id, state, name, type, committed, size, hasSize, error, file } = view;
  const bytes = committedBytes(view);
  const percent = size === 0 ? 100 : Math.floor((bytes / size) * 100);
  const whole = hasSize
    ? `${formatSize(bytes)} of ${formatSize(size)} (${percent} %)`
    : `${formatSize(bytes)}; the size is not known yet, ${formatSize(size)} at most`;
  const rows: (readonly [string, string])[] = [
    ["upload", id],
    ["state", state],
    ["name", `${printable(name)} (${printable(type)})`],
    ["committed", `${whole}, ${countParts(committed)} of ${committed.partCount} parts`],
  ];
  const isWhole = countParts(committed) === committed.partCount;
  if (!isWhole && hasSize) rows.push(["missing", missingText([...missingRanges(committed)])]);
  if (error) rows.push(["trouble", `${printable(error.detail)} (${printable(error.code)})`]);
  if (file) rows.push(["file", file.url]);
  rows.push(["begun", formatTime(view.createdAt)]);
  if (state === "open" || state === "completing") rows.push(["expires", expiryText(view, now)]);
  return rows;
}

function expiryText({ expiresAt }: UploadView, now: number): string {
  const left = expiresAt - now;
  if (left <= 0) return `${formatTime(expiresAt)}, which is over`;
  return `${formatTime(expiresAt)}, in ${formatDuration(left)}`;
}

function missingText(ranges: readonly PartRange[]): string {
  const shown = ranges
    .slice(0, RANGES_MAX)
    .map(([start, end]) => (end === start + 1 ? `${start}` : `${start}-${end - 1}`));
  const more = ranges.length - shown.length;
  return `parts ${shown.join(", ")}${more > 0 ? ` and ${more} ranges more` : ""}`;
}

export function fileRows(id: string, manifest: Manifest): Rows {
  const { name, type, size, partSize, root, sha256, provenance } = manifest;
  return [
    ["file", id],
    ["name", `${printable(name)} (${printable(type)})`],
    ["size", `${formatSize(size)}, ${partCount(manifest)} parts of ${formatSize(partSize)}`],
    ["root", encodeHex(root)],
    ...(sha256 ? [["sha-256", encodeHex(sha256)] as const] : []),
    ["complete", formatTime(provenance.completedAt)],
  ];
}

export function formatRows(rows: Rows): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}
