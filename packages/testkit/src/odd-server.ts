// For tests: a server of one file that is not Holdfast, and may be odd, or lie, about any answer.
import type { IncomingMessage, ServerResponse } from "node:http";
import { decodeRange, encodeContentRange } from "@holdfast/protocol";
import { startRelay } from "./relay.ts";

export interface Said {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export interface OddServer {
  readonly url: string;
  /** What it was asked, in order. */
  asked: readonly IncomingMessage["headers"][];
  content: Buffer;
  etag: string;
  /** Changes an answer before it goes out; the first one has the number 0. False where it has answered itself. */
  spoil: (said: Said, number: number, response: ServerResponse) => boolean | undefined;
  close(): Promise<void>;
}

export async function startOddServer(content: Buffer): Promise<OddServer> {
  const relay = await startRelay((request, response) => {
    const number = server.asked.length;
    server.asked = [...server.asked, request.headers];
    const said = answerTo(server, request);
    if (server.spoil(said, number, response) === false) return;
    response.writeHead(said.status, { "content-length": said.body.length, ...said.headers });
    response.end(said.body);
  });
  const server: OddServer = {
    url: `${relay.url}/some/file.bin?key=1`,
    asked: [],
    content,
    etag: '"one"',
    spoil: () => undefined,
    close: relay.close,
  };
  return server;
}

/** As RFC 9110 has it. */
function answerTo({ content, etag }: OddServer, { headers }: IncomingMessage): Said {
  const said = { etag, "accept-ranges": "bytes" };
  const condition = headers["if-range"];
  const range =
    condition === undefined || condition === etag
      ? decodeRange(headers.range, content.length)
      : "whole";
  if (range === "unsatisfiable") {
    const none = encodeContentRange(undefined, content.length);
    return { status: 416, headers: { ...said, "content-range": none }, body: Buffer.alloc(0) };
  }
  if (range === "whole") return { status: 200, headers: said, body: content };
  return {
    status: 206,
    headers: { ...said, "content-range": encodeContentRange(range, content.length) },
    body: content.subarray(range.start, range.end),
  };
}
