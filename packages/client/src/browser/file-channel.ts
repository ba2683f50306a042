// Files of uploads under way, and who of this origin still has them: a file goes from tab to tab as what it is, a reference, of which no byte is copied.
import { encodeHex } from "@holdfast/protocol";
import type { Clock, Random } from "../ports.ts";
import type { Wire } from "./tab-channel.ts";

export const FILES = "holdfast.files.1";
/** Whoever answers has this lock, beside the others, as long as it lives. */
const LOCK = "holdfast.keeper";
/** Nobody is waited for longer, in milliseconds: one that hangs has the file no more than one that is gone. */
const ANSWER_MS = 2_000;

/** By the keys of their checkpoints. */
export type Files = ReadonlyMap<string, File>;

export type AboutFiles =
  /** Of all that there are, where no keys are given. */
  | { readonly type: "ask"; readonly question: string; readonly keys?: readonly string[] }
  | { readonly type: "answer"; readonly question: string; readonly files: Files }
  /** An upload of it is under way from now on; or is over. */
  | { readonly type: "begun"; readonly key: string; readonly file: File }
  | { readonly type: "over"; readonly key: string };

export interface FileChannel {
  /** This one has it from now on. */
  offer(key: string, file: File): void;
  /** Nobody needs it any more. */
  drop(key: string): void;
  /** What somebody has of these. Resolves within a moment. */
  find(keys: readonly string[]): Promise<Files>;
  /** From now on this one has whatever others have, for when they are gone. */
  keepAll(): Promise<void>;
  /** Tells of uploads that others begin. */
  onBegun(listener: (key: string) => void): void;
  close(): void;
}

export interface FileChannelParts {
  readonly clock: Pick<Clock, "after">;
  readonly random: Random;
  readonly wire: Wire<AboutFiles> | undefined;
  /** Undefined where the browser has none for this page: then nobody knows whom to wait for, and each has its own files. */
  readonly locks: LockManager | undefined;
}

export function createFileChannel(parts: FileChannelParts): FileChannel {
  const { clock, random, locks } = parts;
  let wire = locks && parts.wire;
  const files = new Map<string, File>();
  const questions = new Map<string, (files: Files) => void>();
  let onBegun: (key: string) => void = () => undefined;
  let isKeeper = false;
  const { promise: life, resolve: end } = Promise.withResolvers<void>();
  if (wire) locks?.request(LOCK, { mode: "shared" }, () => life).catch(() => undefined);

  const say = (message: AboutFiles) => wire?.postMessage(message);

  function hear(message: AboutFiles): void {
    switch (message.type) {
      case "ask": {
        const { question, keys = [...files.keys()] } = message;
        say({ type: "answer", question, files: only(keys) });
        break;
      }
      case "answer":
        questions.get(message.question)?.(message.files);
        break;
      case "begun":
        if (isKeeper) files.set(message.key, message.file);
        onBegun(message.key);
        break;
      case "over":
        if (isKeeper) files.delete(message.key);
    }
  }

  function only(keys: readonly string[]): Files {
    return new Map(
      keys.flatMap((key) => {
        const file = files.get(key);
        return file ? [[key, file]] : [];
      }),
    );
  }

  /** How many others there are to answer. */
  async function others(): Promise<number> {
    const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
    return held.filter(({ name }) => name === LOCK).length - 1;
  }

  async function ask(keys?: readonly string[]): Promise<Files> {
    const found = new Map<string, File>();
    let left = await others();
    if (left < 1) return found;
    const question = encodeHex(random.bytes(16));
    await new Promise<void>((resolve) => {
      const callOff = clock.after(ANSWER_MS, resolve);
      questions.set(question, (theirs) => {
        for (const [key, file] of theirs) found.set(key, file);
        left--;
        if (left > 0) return;
        callOff();
        resolve();
      });
      say({ type: "ask", question, ...(keys === undefined ? {} : { keys }) });
    });
    questions.delete(question);
    return found;
  }

  if (wire) wire.onmessage = ({ data }) => isOurs(data) && hear(data);
  return {
    offer(key, file) {
      files.set(key, file);
      say({ type: "begun", key, file });
    },
    drop(key) {
      files.delete(key);
      say({ type: "over", key });
    },
    async find(keys) {
      if (keys.length === 0) return new Map();
      return new Map([...(await ask(keys)), ...only(keys)]);
    },
    async keepAll() {
      isKeeper = true;
      for (const [key, file] of await ask()) if (!files.has(key)) files.set(key, file);
    },
    onBegun(listener) {
      onBegun = listener;
    },
    close() {
      end();
      wire?.close();
      wire = undefined;
    },
  };
}

/** As in `tab-channel.ts`: what has another shape is passed over. */
function isOurs(said: unknown): said is AboutFiles {
  if (typeof said !== "object" || said === null || !("type" in said)) return false;
  switch (said.type) {
    case "ask":
      return !("keys" in said) || Array.isArray(said.keys);
    case "answer":
      return "files" in said && said.files instanceof Map && [...said.files.values()].every(isFile);
    case "begun":
      return "file" in said && isFile(said.file);
    default:
      return said.type === "over";
  }
}

function isFile(value: unknown): boolean {
  return value instanceof File;
}
