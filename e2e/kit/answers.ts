// The answers in a trace of system calls that acknowledge something, each with the request it answers.
import { type Call, openedPath, targetOf } from "./strace.ts";

interface Asked {
  /** Undefined of a whole file until it is made: its upload is nobody's business but the server's. */
  readonly uploadId: string | undefined;
  readonly askedAt: number;
}

type Request =
  /** First and last part. */
  | (Asked & { readonly kind: "parts"; readonly parts: readonly [number, number] })
  /** It brought what was written since it was asked for. */
  | (Asked & { readonly kind: "append" })
  | (Asked & { readonly kind: "complete" })
  /** In bytes, by its Content-Length. */
  | (Asked & { readonly kind: "file"; readonly size: number });

/** 2xx, but for 202: that acknowledges nothing yet. */
export type Answer = Request & { readonly answeredAt: number };

const READS = new Set(["read", "readv", "recvfrom", "recvmsg"]);
const SENDS = new Set(["write", "writev", "sendto", "sendmsg"]);

/** Pairs each request that the promise is about with its answer on the same connection. */
export function findAnswers(calls: readonly Call[]): readonly Answer[] {
  const asked = new Map<string, Request>();
  const answers: Answer[] = [];
  for (const call of calls) {
    const connection = targetOf(call);
    if (!connection.startsWith("TCP")) continue;
    if (READS.has(call.name)) {
      const request = requestIn(call);
      if (request) asked.set(connection, request);
    }
    const request = asked.get(connection);
    if (!request || !SENDS.has(call.name)) continue;
    const [, status = ""] = /"HTTP\/1\.1 ([2-5]\d\d) /.exec(call.args) ?? [];
    if (status.startsWith("2") && status !== "202") {
      answers.push(withUpload(calls, { ...request, answeredAt: call.begin }));
    }
    if (status !== "") asked.delete(connection);
  }
  return answers;
}

export function nameOf(answer: Answer): string {
  const parts = answer.kind === "parts" ? ` ${answer.parts.join("-")}` : "";
  return `${answer.uploadId ?? "nothing"} ${answer.kind}${parts}`;
}

const PUT = /"PUT \/v1\/uploads\/([a-z2-7]+)\/parts\/(\d+)(?:-(\d+))? HTTP/;
const PATCH = /"PATCH \/v1\/uploads\/([a-z2-7]+) HTTP/;
const COMPLETE = /"POST \/v1\/uploads\/([a-z2-7]+)\/complete HTTP/;
const FILE = /"POST \/v1\/files HTTP.*?\\r\\ncontent-length: (\d+)\\r\\n/i;

function requestIn({ args, begin: askedAt }: Call): Request | undefined {
  const [, id, first, last = first] = PUT.exec(args) ?? [];
  if (id !== undefined) {
    return { kind: "parts", uploadId: id, askedAt, parts: [Number(first), Number(last)] };
  }
  const [, appended] = PATCH.exec(args) ?? [];
  if (appended !== undefined) return { kind: "append", uploadId: appended, askedAt };
  const [, completed] = COMPLETE.exec(args) ?? [];
  if (completed !== undefined) return { kind: "complete", uploadId: completed, askedAt };
  const [, size] = FILE.exec(args) ?? [];
  if (size === undefined) return undefined;
  return { kind: "file", uploadId: undefined, askedAt, size: Number(size) };
}

/** Whose bytes were made between a whole file's request and its answer: such requests come one at a time. */
function withUpload(calls: readonly Call[], answer: Answer): Answer {
  if (answer.kind !== "file") return answer;
  const { askedAt, answeredAt } = answer;
  const made = calls.find(
    (call) =>
      call.name === "openat" &&
      call.args.includes("O_CREAT") &&
      openedPath(call).endsWith(".bytes") &&
      call.begin >= askedAt &&
      call.end <= answeredAt,
  );
  const [, uploadId] = /\/([a-z2-7]+)\.bytes$/.exec(made ? openedPath(made) : "") ?? [];
  return { ...answer, uploadId };
}
