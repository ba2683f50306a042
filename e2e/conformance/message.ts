// What a server has sent so far, read as HTTP/1.1 answers: the interim ones, which most clients hide, and the final one. Header names as they came.

export type Field = readonly [name: string, value: string];

export interface Head {
  readonly status: number;
  readonly fields: readonly Field[];
}

export interface Answer extends Head {
  readonly interim: readonly Head[];
  /** As UTF-8. */
  readonly body: string;
}

/** `isDone` is whether `answer` is whole; until then it is undefined and `interim` may grow. */
export type Received =
  | { readonly isDone: false; readonly interim: readonly Head[] }
  | { readonly isDone: true; readonly answer: Answer };

/** The values of a header, in order. */
export function valuesOf(head: Head, name: string): readonly string[] {
  const wanted = name.toLowerCase();
  return head.fields.filter(([one]) => one.toLowerCase() === wanted).map(([, value]) => value);
}

/**
 * Reads from the first byte of a connection on which `method` was sent once. `isEnded`: the server has closed it.
 *
 * @throws Error where it is not HTTP.
 */
export function readReceived(bytes: Buffer, method: string, isEnded: boolean): Received {
  const interim: Head[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", at, "latin1");
    if (end < 0) {
      if (bytes.length - at > 65_536) throw new Error("no HTTP: a head of more than 64 KiB");
      if (isEnded) throw new Error(`the connection ended with ${bytes.length - at} B of a head`);
      return { isDone: false, interim };
    }
    const head = readHead(bytes.toString("latin1", at, end));
    at = end + 4;
    if (head.status < 200) {
      interim.push(head);
      continue;
    }
    const body = readBody(head, method, bytes.subarray(at), isEnded);
    if (body === undefined) return { isDone: false, interim };
    return { isDone: true, answer: { ...head, interim, body: body.toString("utf8") } };
  }
}

function readHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const [, status] = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/.exec(first) ?? [];
  if (status === undefined) throw new Error(`no HTTP: ${JSON.stringify(first.slice(0, 80))}`);
  const fields = lines.map((line): Field => {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no header: ${JSON.stringify(line.slice(0, 80))}`);
    return [name, value ?? ""];
  });
  return { status: Number(status), fields };
}

/** Undefined while more must come. */
function readBody(head: Head, method: string, rest: Buffer, isEnded: boolean): Buffer | undefined {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return Buffer.alloc(0);
  if (valuesOf(head, "transfer-encoding").some((value) => /chunked/i.test(value))) {
    return readChunks(rest);
  }
  const [size] = valuesOf(head, "content-length");
  if (size === undefined) return isEnded ? rest : undefined;
  if (rest.length >= Number(size)) return rest.subarray(0, Number(size));
  if (isEnded) throw new Error(`the body ended after ${rest.length} B of ${size}`);
  return undefined;
}

function readChunks(bytes: Buffer): Buffer | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at, "latin1");
    if (end < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!Number.isInteger(size)) throw new Error("no HTTP: a chunk without a size");
    if (size === 0) return Buffer.concat(pieces);
    if (bytes.length < end + 2 + size + 2) return undefined;
    pieces.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
