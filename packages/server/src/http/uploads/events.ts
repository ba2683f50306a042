// GET /v1/uploads/{id}/events: how an upload goes on, as server-sent events (HTML standard, section 9.2).
import type { UploadNews } from "@holdfast/engine";
import { encodeFile, toHoldfastError } from "@holdfast/protocol";
import type { Handler } from "../front.ts";
import type { Reply } from "../reply.ts";

const UTF8 = new TextEncoder();
/** Milliseconds after which a browser whose connection was cut asks again: the first event tells the present, so nothing is missed. */
const RETRY_MS = 2_000;

export const getEvents: Handler = async (front, { params, principal }): Promise<Reply> => {
  const [id = ""] = params;
  const leaving = new AbortController();
  const news = front.engine.watch(principal, id, leaving.signal);
  // What refuses it does so before there is a reply.
  const present = await news.next();
  return {
    status: 200,
    headers: {
      "content-type": "text/event-stream",
      // nginx would keep them until its buffer is full.
      "x-accel-buffering": "no",
    },
    content: {
      kind: "stream",
      size: undefined,
      open(gone) {
        gone.addEventListener("abort", () => leaving.abort());
        return eventsOf(present.value || undefined, news, front.isClosing);
      },
    },
  };
};

async function* eventsOf(
  present: UploadNews | undefined,
  more: AsyncGenerator<UploadNews | undefined, void, void>,
  isClosing: () => boolean,
): AsyncGenerator<Uint8Array, void, void> {
  const opening = `retry: ${RETRY_MS}\n\n`;
  yield UTF8.encode(present ? opening + showNews(present, undefined) : opening);
  let before = present;
  try {
    for await (const news of more) {
      // A comment, which a reader passes over: it finds out whether anybody still listens.
      yield UTF8.encode(news ? showNews(news, before) : ":\n\n");
      before = news ?? before;
    }
    if (isClosing()) yield UTF8.encode(event("closing", {}));
  } catch (error) {
    // Rights that ended, a record that was forgotten: too late for a status.
    const { code, message } = toHoldfastError(error);
    yield UTF8.encode(event("refused", { code, detail: message }));
  }
}

function showNews(news: UploadNews, before: UploadNews | undefined): string {
  const { state, error, file, committed, offset, bytes } = news;
  const progress = { committed, offset, bytes };
  const about = { state, ...(error ? { error } : {}), ...(file ? { file: encodeFile(file) } : {}) };
  const isNewState = before?.state !== state || before.error?.detail !== error?.detail;
  // The state after the progress: whoever stops reading at an end state has seen all of it.
  return event("progress", progress) + (isNewState ? event("state", about) : "");
}

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
