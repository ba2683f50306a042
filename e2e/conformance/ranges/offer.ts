// What there is to read, asked before the rows: the file's bytes, its validators, and what they make of the names that rows use.
import { createHash } from "node:crypto";
import { valuesOf } from "../message.ts";
import { type Asking, answerTo, type Offer } from "../offers.ts";

/** Rows ask for bytes up to the 150th and for the last ten. */
const SIZE_MIN = 200;
const SIZE_MAX = 1024 * 1024;
const HOUR_MS = 3_600_000;
/** Before files had dates at all, and for a day that is not over soon. */
const FAR = 30 * 24 * HOUR_MS;

/**
 * `file` where there is one that rows can read: 200 bytes to 1 MiB, all of them ASCII. `etag` and `date` for validators that it has, `ranges` where one range is answered as such, `multipart` where two are;
 * `content-digest` and `repr-digest` where they come when they are asked for.
 */
export async function offerOfRanges(asking: Asking): Promise<Offer> {
  const whole = await answerTo(asking, "GET", []);
  const content = whole?.body ?? "";
  // A byte a character, so that places in the text are places in the file.
  const isText = Buffer.byteLength(content) === content.length;
  if (whole?.status !== 200 || content.length < SIZE_MIN || content.length > SIZE_MAX || !isText) {
    return { announced: new Set(), sizeMax: undefined };
  }
  const [etag] = valuesOf(whole, "etag");
  const [date] = valuesOf(whole, "last-modified");
  const one = await answerTo(asking, "GET", [["Range", "bytes=0-0"]]);
  const two = await answerTo(asking, "GET", [["Range", "bytes=0-0,2-2"]]);
  const want = (name: string) => answerTo(asking, "GET", [[`Want-${name}`, "sha-256=10"]]);
  const hasDigest = async (name: string) => {
    const answer = await want(name);
    return answer !== undefined && valuesOf(answer, name).length > 0;
  };
  return {
    announced: new Set([
      "file",
      ...(etag?.startsWith('"') ? ["etag"] : []),
      ...(date !== undefined && !Number.isNaN(Date.parse(date)) ? ["date"] : []),
      ...(one?.status === 206 ? ["ranges"] : []),
      ...(two?.status === 206 ? ["multipart"] : []),
      ...((await hasDigest("Content-Digest")) ? ["content-digest"] : []),
      ...((await hasDigest("Repr-Digest")) ? ["repr-digest"] : []),
    ]),
    sizeMax: undefined,
    values: valuesOfFile(content, etag, date),
    content,
  };
}

export function valuesOfFile(
  content: string,
  etag: string | undefined,
  date: string | undefined,
): ReadonlyMap<string, string> {
  const { length: size } = content;
  const at = date === undefined ? Number.NaN : Date.parse(date);
  const dates = Number.isNaN(at)
    ? []
    : ([
        ["date", date ?? ""],
        ["earlier", new Date(at - FAR).toUTCString()],
        ["later", new Date(at + HOUR_MS).toUTCString()],
      ] as const);
  return new Map([
    ["size", `${size}`],
    ["last", `${size - 1}`],
    ["tail", `${size - 10}`],
    ["beyond", `${size + 1000}`],
    ["tendigest", digestOf(content.slice(0, 10))],
    ["alldigest", digestOf(content)],
    ...(etag === undefined ? [] : ([["etag", etag]] as const)),
    ...dates,
  ]);
}

function digestOf(text: string): string {
  return `sha-256=:${createHash("sha256").update(text).digest("base64")}:`;
}
