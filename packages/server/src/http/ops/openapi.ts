// GET /openapi.json: the API's description. It is made when somebody asks for it first: few do, and no upload should wait for it.
import type { Front } from "../front.ts";
import { bytesReply, type Reply } from "../reply.ts";

let made: Promise<Uint8Array> | undefined;

async function make(version: string): Promise<Uint8Array> {
  const { openApiDocument } = await import("../../openapi/document.ts");
  return new TextEncoder().encode(JSON.stringify(openApiDocument(version)));
}

export async function getOpenApi({ about }: Front): Promise<Reply> {
  made ??= make(about.version);
  return bytesReply(200, "application/json", await made);
}
