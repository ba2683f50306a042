// Malformed requests from a seed: right ones, spoilt in one to four places, as bytes.
import type { SeededRandom } from "@holdfast/testkit/random";
import { HEADER_NAMES, HEADER_VALUES, JSON_VALUES, METHODS, NUMBERS, pick, TEXTS } from "./odd.ts";
import type { RawRequest } from "./world.ts";

/** What goes over one connection. */
export interface FuzzCase {
  readonly bytes: Uint8Array;
  /** Where to pause between two writes, if anywhere. */
  readonly splitAt: number | undefined;
  /** How the connection ends on this side once everything is sent. */
  readonly ending: "half-close" | "reset";
  readonly what: readonly string[];
}

type Mutation = (request: RawRequest, random: SeededRandom) => RawRequest;

const UTF8 = new TextEncoder();

function withHeader(request: RawRequest, at: number, name: string, value: string): RawRequest {
  return { ...request, headers: request.headers.toSpliced(at, 1, [name, value]) };
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  method: (request, random) => ({ ...request, method: pick(random, METHODS, "GET") }),
  version: (request, random) => {
    const versions = [
      "HTTP/1.0",
      "HTTP/0.9",
      "HTTP/2.0",
      "HTTP/9.9",
      "HTTP/1.1.1",
      "http/1.1",
      "",
      "HTTP/1.",
      "X",
    ];
    return { ...request, version: pick(random, versions, "") };
  },
  segment: (request, random) => {
    const segments = request.target.split("/");
    const at = 1 + random.whole(segments.length);
    const value = pick(random, [...TEXTS, ...NUMBERS, "parts", "v1", ".", ".."], "");
    return { ...request, target: segments.toSpliced(at, random.whole(2), value).join("/") };
  },
  target: (request, random) => {
    const { target } = request;
    const forms = [
      ...[
        `http://evil.example${target}`,
        `//evil.example${target}`,
        `${target}/`,
        `/${target}`,
        "*",
      ],
      ...[
        target.slice(0, random.whole(target.length)),
        `${target}%`,
        `${target}#a`,
        `${target}\u0000`,
        "",
      ],
      ...[
        target.replaceAll("/", "%2f"),
        target.toUpperCase(),
        `${target}?${"a=b&".repeat(5000)}`,
        "evil.example:443",
      ],
    ];
    return { ...request, target: pick(random, forms, target) };
  },
  query: (request, random) => {
    const mark = request.target.includes("?") ? "&" : "?";
    const names = [
      "digests",
      "proof",
      "limit",
      "after",
      "sig",
      "exp",
      "e",
      "len",
      "by",
      "dry-run",
      "__proto__",
      "kid",
    ];
    const value = encodeURIComponent(pick(random, [...NUMBERS, "\u0301", "%", "a"], ""));
    return { ...request, target: `${request.target}${mark}${pick(random, names, "a")}=${value}` };
  },
  character: (request, random) => {
    const at = random.whole(request.target.length);
    const other = String.fromCharCode(33 + random.whole(94));
    return {
      ...request,
      target: request.target.slice(0, at) + other + request.target.slice(at + 1),
    };
  },
  "header dropped": (request, random) => ({
    ...request,
    headers: request.headers.toSpliced(random.whole(request.headers.length), 1),
  }),
  "header twice": (request, random) => {
    const header = pick(random, request.headers, ["A", "b"]);
    return { ...request, headers: [...request.headers, header] };
  },
  "header value": (request, random) => {
    const at = random.whole(request.headers.length);
    const [name = "A"] = request.headers[at] ?? [];
    return withHeader(request, at, name, pick(random, [...HEADER_VALUES, ...NUMBERS], ""));
  },
  "header more": (request, random) => {
    const header = [
      pick(random, HEADER_NAMES, "A"),
      pick(random, [...HEADER_VALUES, ...NUMBERS], ""),
    ] as const;
    return { ...request, headers: [...request.headers, header] };
  },
  "headers many": (request, random) => {
    const more = Array.from({ length: random.whole(3000) }, (_, at) => [`A${at}`, "b"] as const);
    return { ...request, headers: [...request.headers, ...more] };
  },
  "length wrong": (request, random) => {
    const sizes = [
      ...NUMBERS,
      String(request.body.length + 1),
      String(Math.max(0, request.body.length - 1)),
    ];
    const rest = request.headers.filter(([name]) => name !== "Content-Length");
    return { ...request, headers: [...rest, ["Content-Length", pick(random, sizes, "1")]] };
  },
  chunks: (request, random) => {
    const rest = request.headers.filter(
      ([name]) => name !== "Content-Length" || random.chance(0.2),
    );
    const size = request.body.length.toString(16);
    const sizes = [
      size,
      "zz",
      "-1",
      `${size};a=b`,
      "fffffffffffffffff",
      "0",
      "",
      ` ${size}`,
      `${size}\n`,
      "1",
    ];
    const trailers = ["", "A: b\r\n", "Content-Length: 5\r\n", "broken", "Host: x\r\nHost: y\r\n"];
    const head = UTF8.encode(`${pick(random, sizes, size)}\r\n`);
    const tail = UTF8.encode(
      `\r\n${pick(random, ["0", "00", "0;x", "x"], "0")}\r\n${pick(random, trailers, "")}\r\n`,
    );
    const body = Buffer.concat([head, request.body, tail]);
    return { ...request, headers: [...rest, ["Transfer-Encoding", "chunked"]], body };
  },
  json: (request, random) => withBody(request, UTF8.encode(spoilJson(request, random))),
  "body bytes": (request, random) => {
    const body = Uint8Array.from(request.body);
    for (let turn = 0; turn < 3 && body.length > 0; turn++)
      body[random.whole(body.length)] = random.whole(256);
    return { ...request, body };
  },
  "body cut": (request, random) => ({
    ...request,
    body: request.body.subarray(0, random.whole(request.body.length + 1)),
  }),
  "body noise": (request, random) => withBody(request, random.bytes(random.whole(300))),
};

/** With a length that fits: what is wrong is inside. */
function withBody(request: RawRequest, body: Uint8Array): RawRequest {
  const rest = request.headers.filter(([name]) => name !== "Content-Length");
  return { ...request, body, headers: [...rest, ["Content-Length", String(body.length)]] };
}

function spoilJson({ body }: RawRequest, random: SeededRandom): string {
  const text = new TextDecoder().decode(body.subarray(0, 2000)) || "{}";
  const members = [...text.matchAll(/"(\w+)":/g)];
  const at = members[random.whole(members.length)]?.index ?? 0;
  const name = pick(
    random,
    ["__proto__", "constructor", "toString", "name", "size", "parts", "metadata"],
    "a",
  );
  const value = pick(random, JSON_VALUES, "null");
  const forms = [
    text.replace(/"(\w+)":("[^"]*"|[0-9]+)/, `"$1":${value}`),
    `${text.slice(0, at)}"${name}":${value},${text.slice(at)}`,
    text.slice(0, random.whole(text.length)),
    `${text}${text}`,
    `\ufeff${text}`,
    "[".repeat(random.whole(30_000)),
    `{"a":`.repeat(5000),
    value,
    `{"name":"a","size":${pick(random, NUMBERS, "1")}}`,
    text.replaceAll('"', "'"),
    `{"metadata":{${Array.from({ length: 200 }, (_, i) => `"k${i}":"v"`).join(",")}},"name":"a","size":1}`,
    `{"name":${JSON.stringify(pick(random, TEXTS, "a"))},"size":1}`,
    "a".repeat(70_000),
  ];
  return pick(random, forms, text);
}

function encode(
  { method, target, version, headers, body }: RawRequest,
  random: SeededRandom,
): Uint8Array {
  const ends = random.chance(0.03) ? pick(random, ["\n", "\r", "\r\r\n", " \r\n"], "\r\n") : "\r\n";
  const colon = random.chance(0.02) ? pick(random, [" :", ":", "", "::", ":\t"], ": ") : ": ";
  const lines = headers.map(([name, value]) => `${name}${colon}${value}${ends}`).join("");
  const head = `${method} ${target} ${version}${ends}${lines}${ends}`;
  // Latin-1 is what goes over a wire that nobody has encoded: some of it is no UTF-8.
  const bytes = random.chance(0.3) ? Buffer.from(head, "latin1") : Buffer.from(head, "utf8");
  return Buffer.concat([bytes, body]);
}

/** The same seed and number give the same bytes for ever. */
export function makeCase(templates: readonly RawRequest[], random: SeededRandom): FuzzCase {
  const what: string[] = [];
  const names = Object.keys(MUTATIONS);
  const count = random.chance(0.85) ? 1 : 2 + random.whole(8);
  const requests: Uint8Array[] = [];
  for (let turn = 0; turn < count; turn++) {
    let request = templates[random.whole(templates.length)];
    if (!request) continue;
    for (let spoilt = random.chance(0.6) ? 1 : 2 + random.whole(3); spoilt > 0; spoilt--) {
      const name = pick(random, names, "method");
      request = MUTATIONS[name]?.(request, random) ?? request;
      what.push(name);
    }
    requests.push(encode(request, random));
  }
  let bytes: Uint8Array = Buffer.concat(requests);
  if (random.chance(0.1)) {
    const noisy = Uint8Array.from(bytes);
    for (let turn = 1 + random.whole(8); turn > 0; turn--)
      noisy[random.whole(Math.min(noisy.length, 2000))] = random.whole(256);
    bytes = noisy;
    what.push("noise");
  }
  if (random.chance(0.08)) {
    bytes = bytes.subarray(0, random.whole(bytes.length));
    what.push("cut");
  }
  if (random.chance(0.02)) {
    bytes = random.bytes(random.whole(500));
    what.push("nothing but noise");
  }
  return {
    bytes,
    splitAt: random.chance(0.15) ? random.whole(bytes.length + 1) : undefined,
    ending: random.chance(0.05) ? "reset" : "half-close",
    what,
  };
}
