// Pages for tests of browsers: a script of e2e/pages and what it imports, in one file, served from an origin of its own.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

export interface Pages {
  readonly origin: string;
  /** Paths that browsers have asked for. */
  readonly asked: ReadonlySet<string>;
  /** From now on, workers run this first: what stands for surroundings that no test can make. */
  before(script: string): void;
  stop(): Promise<void>;
}

/** What our own client starts, each beside the script that starts it. */
const WORKERS = ["worker", "hash-worker"];

/** `/NAME` is a page with the script `e2e/pages/NAME.js`, for each of these names; `policy` is their Content-Security-Policy. */
export async function servePages(names: readonly string[], policy?: string): Promise<Pages> {
  const scripts = new Map<string, string>();
  const workers = new Map<string, string>();
  const asked = new Set<string>();
  let prelude = "";
  for (const name of names) scripts.set(name, await bundle(`../pages/${name}.js`));
  const isOurs = [...scripts.values()].some((script) => script.includes('"./worker.ts"'));
  for (const name of isOurs ? WORKERS : [])
    workers.set(`/${name}.ts`, await bundle(`../../packages/client/src/browser/${name}.ts`));
  const guarded = policy === undefined ? {} : { "content-security-policy": policy };
  const server = createServer(({ url = "" }, response) => {
    const { pathname } = new URL(url, "http://page");
    const [, name = "", ending] = /^\/([a-z0-9-]+)(\.js)?$/.exec(pathname) ?? [];
    const script = scripts.get(name);
    asked.add(pathname);
    const worker = workers.get(pathname);
    if (worker !== undefined) {
      response
        .writeHead(200, { "content-type": "text/javascript", ...guarded })
        .end(prelude + worker);
    } else if (script === undefined) {
      response.writeHead(404).end();
    } else if (ending === ".js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    } else {
      const html = `<!doctype html><meta charset="utf-8"><title>${name}</title><body><script type="module" src="/${name}.js"></script>`;
      response.writeHead(200, { "content-type": "text/html", ...guarded }).end(html);
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    asked,
    before(script) {
      prelude = script;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bundle(path: string): Promise<string> {
  const input = fileURLToPath(new URL(path, import.meta.url));
  const building = await rolldown({ input, platform: "browser" });
  try {
    const { output } = await building.generate({ format: "esm", codeSplitting: false });
    return output[0].code;
  } finally {
    await building.close();
  }
}
