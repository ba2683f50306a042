// Reads what `strace -f -ttt -T -yy` wrote: one record a system call, with the moments it began and ended.

/** A system call that ended. Times in seconds. */
export interface Call {
  readonly name: string;
  /** What stands between the parentheses. */
  readonly args: string;
  readonly result: string;
  readonly begin: number;
  readonly end: number;
}

/** What strace is asked for; `-yy` names the file or the two ends of the connection behind every descriptor. */
export const STRACE: readonly string[] = [
  "strace",
  "-f",
  "-ttt",
  "-T",
  "-yy",
  "-s",
  "160",
  "-e",
  "trace=openat,read,readv,recvfrom,recvmsg,pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg,fdatasync,fsync,sync_file_range,ftruncate,io_uring_enter",
  "-e",
  "signal=none",
];

const LINE = /^(\d+) +(\d+\.\d+) (.*)$/;
const WHOLE = /^(\w+)\((.*)\) += (.*?) <(\d+\.\d+)>$/;
const UNFINISHED = /^(\w+)\((.*?) *<unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. (\w+) resumed>(.*)\) += (.*?) <(\d+\.\d+)>$/;

/** The calls of a trace in the order they began; lines that are none (signals, exits) are passed over. */
export function readTrace(text: string): readonly Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { readonly args: string; readonly begin: number }>();
  for (const line of text.split("\n")) {
    const [, thread = "", time, rest = ""] = LINE.exec(line) ?? [];
    const at = Number(time);
    const [, begun, openArgs = ""] = UNFINISHED.exec(rest) ?? [];
    if (begun) unfinished.set(`${thread} ${begun}`, { args: openArgs, begin: at });
    const [, name, args = "", result = "", seconds] = WHOLE.exec(rest) ?? [];
    if (name) calls.push({ name, args, result, begin: at, end: at + Number(seconds) });
    const [, resumed, more = "", late = "", took] = RESUMED.exec(rest) ?? [];
    const start = unfinished.get(`${thread} ${resumed}`);
    if (!resumed || !start) continue;
    unfinished.delete(`${thread} ${resumed}`);
    const end = start.begin + Number(took);
    calls.push({ name: resumed, args: start.args + more, result: late, begin: start.begin, end });
  }
  return calls.sort((a, b) => a.begin - b.begin);
}

/** What strace says stands behind the descriptor that a call is about: a path, or `TCP:[...]`. */
export function targetOf(call: Call): string {
  return /^\d+<(.*?)>(?:,|\(|$)/.exec(call.args)?.[1] ?? "";
}

/** What an `openat` has opened; nothing where it failed or the call is another. */
export function openedPath({ name, result }: Call): string {
  return name === "openat" ? (/^\d+<(.*)>$/.exec(result)?.[1] ?? "") : "";
}

/** Byte offset and number of bytes that a positional write wrote. */
export function extentOf(call: Call): { readonly start: number; readonly end: number } {
  const last = call.name === "pwritev2" ? /, (\d+), [^,]+$/ : /, (\d+)$/;
  const start = Number(last.exec(call.args)?.[1]);
  return { start, end: start + Number.parseInt(call.result, 10) };
}
