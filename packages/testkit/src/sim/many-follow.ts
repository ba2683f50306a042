// Reads an upload along at several servers, one after another, and holds what comes against what was sent, and against what is durable.
import type { Engine, UploadContent } from "@holdfast/engine";
import { isHoldfastError, type UploadView } from "@holdfast/protocol";
import { sameBytes } from "../same-bytes.ts";
import { alice } from "../world.ts";
import type { ManyClient } from "./many-client.ts";
import { durableOffset } from "./many-guard.ts";
import type { ManyWorld } from "./many-world.ts";

/** Longer than a server that is up is silent. */
const SILENT_MS = 8_000;
const PAUSE_MS = 500;

export interface Along {
  readonly view: UploadView;
  readonly content: Uint8Array;
  /** The server that is asked first. */
  readonly first: number;
  /** What is wrong goes here. */
  readonly wrong: string[];
}

/** Resolves when there is a file, whose bytes have all come, or there will be none. */
export async function followAlong(
  world: ManyWorld,
  client: ManyClient,
  { view: { id }, content, first, wrong }: Along,
): Promise<void> {
  let at = 0;
  function take(piece: Uint8Array): void {
    const end = at + piece.length;
    if (!sameBytes(piece, content.subarray(at, end))) wrong.push(`other bytes came at ${at}`);
    const durable = durableOffset(world.metadata, id) ?? end;
    if (end > durable) wrong.push(`byte ${end} came, and ${durable} are durable`);
    at = end;
  }
  for (let turn = first; ; turn++) {
    try {
      const { engine, asked } = await ask(client, turn, id);
      if (await isThrough(world, engine, asked, at, take)) {
        if (at !== content.length) wrong.push(`it was whole after ${at} bytes`);
        return;
      }
    } catch (error) {
      if (isHoldfastError(error) && ENDED.has(error.code)) return;
      if (isHoldfastError(error) && error.code === "internal") throw error;
      await new Promise<void>((resolve) => world.clock.after(PAUSE_MS, resolve));
    }
  }
}

const ENDED: ReadonlySet<string> = new Set(["upload_ended", "upload_not_found", "file_not_found"]);

async function ask(
  client: ManyClient,
  turn: number,
  id: string,
): Promise<{ readonly engine: Engine; readonly asked: UploadContent }> {
  return client.ask(turn, async (engine) => ({ engine, asked: await engine.content(alice, id) }));
}

/** Whether it has come to its end, and not to a server that is silent. */
async function isThrough(
  { clock }: ManyWorld,
  engine: Engine,
  asked: UploadContent,
  start: number,
  take: (piece: Uint8Array) => void,
): Promise<boolean> {
  const gone = new AbortController();
  const range = { start, end: Number.POSITIVE_INFINITY };
  const pieces = engine.readContent(asked, range, gone.signal);
  try {
    for (;;) {
      const silent = Promise.withResolvers<undefined>();
      const callOff = clock.after(SILENT_MS, () => silent.resolve(undefined));
      const coming = pieces.next();
      coming.catch(() => undefined);
      const next = await Promise.race([coming, silent.promise]).finally(callOff);
      if (!next) return false;
      if (next.done) return true;
      take(next.value);
    }
  } finally {
    gone.abort();
    pieces.return().catch(() => undefined);
  }
}
