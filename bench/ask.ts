// Small JSON requests around a measurement.
import { request } from "node:http";

export interface JsonReply {
  readonly status: number;
  readonly body: ReadonlyMap<string, unknown>;
}

/** Rejects where the answer is not a 2xx. */
export function askJson(
  url: string,
  method: string,
  path: string,
  body?: object,
): Promise<JsonReply> {
  const text = body === undefined ? "" : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": `${text.length}` };
    const sending = request(new URL(path, url), { method, headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece)).on("error", reject);
      response.on("end", () => {
        const status = response.statusCode ?? 0;
        const said = Buffer.concat(pieces).toString("utf8");
        if (status < 200 || status > 299) reject(new Error(`${method} ${path}: ${status} ${said}`));
        else resolve({ status, body: fieldsOf(said) });
      });
    });
    sending.on("error", reject).end(text);
  });
}

function fieldsOf(text: string): ReadonlyMap<string, unknown> {
  if (!text.startsWith("{")) return new Map();
  return new Map<string, unknown>(Object.entries(JSON.parse(text)));
}
