// A page that sends files: bundled and served from an origin of its own, with a policy as strict as it can be. `node examples/browser/main.ts --to http://127.0.0.1:8420`
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";

const { values } = parseArgs({
  options: {
    /** Of the Holdfast server. */
    to: { type: "string", default: "http://127.0.0.1:8420" },
    port: { type: "string", default: "8421" },
  },
});
const to = new URL(values.to).origin;

/** The page's script, the worker that does the work, and those that digest where the browser has no WebCrypto: each in one file, side by side. */
const CLIENT = "../../packages/client/src/browser";
const SCRIPTS: Readonly<Record<string, string>> = {
  "page.js": "page.js",
  "worker.js": `${CLIENT}/worker.ts`,
  "hash-worker.js": `${CLIENT}/hash-worker.ts`,
};

async function bundle(path: string): Promise<string> {
  const input = fileURLToPath(new URL(path, import.meta.url));
  const building = await rolldown({ input, platform: "browser" });
  try {
    const { output } = await building.generate({ minify: true, codeSplitting: false });
    // As the published package has it, which needs no types erased.
    return output[0].code.replaceAll(/(new URL\(["'`]\.\/[a-z-]+)\.ts/g, "$1.js");
  } finally {
    await building.close();
  }
}

/** `wasm-unsafe-eval` only makes digesting faster where there is no WebCrypto, as on plain HTTP. */
const POLICY = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src ${to}`;

const served = new Map<string, readonly [type: string, text: string]>();
for (const [name, path] of Object.entries(SCRIPTS))
  served.set(`/${name}`, ["text/javascript", await bundle(path)]);
const html = await readFile(new URL("index.html", import.meta.url), "utf8");
served.set("/", ["text/html; charset=utf-8", html]);

const server = createServer(({ url = "" }, response) => {
  const [type, text] = served.get(new URL(url, "http://page").pathname) ?? [];
  if (type === undefined) response.writeHead(404).end();
  else
    response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(text);
}).listen(Number(values.port), "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;
const origin = `http://127.0.0.1:${port}`;
console.log(JSON.stringify({ event: "listening", url: `${origin}/#${to}`, origin }));
console.error(`the server must let this page in: holdfast serve --origins ${origin}`);
