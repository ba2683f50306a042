// What the tests of a page in a real browser stand on: a directory, pages of an origin of their own, a server that lets those in, and files to choose.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { type Pages, servePages } from "./pages.ts";
import { bytesOf, type Content } from "./source.ts";

/** A file as a person chooses it. */
export interface Chosen {
  readonly name: string;
  readonly path: string;
  readonly content: Content;
}

export interface BrowserPlace {
  readonly directory: string;
  readonly pages: Pages;
  /** Where the server is. */
  readonly url: string;
  /** Writes a file whose bytes no other file of this place has, so that no upload of it goes on with another one's. */
  file(size: number, name?: string): Promise<Chosen>;
  /** Closed together with the place, before what was there already. */
  keep(close: () => Promise<unknown>): void;
  close(): Promise<void>;
}

/** `scripts` are names of `e2e/pages`. */
export async function openBrowserPlace(scripts: readonly string[]): Promise<BrowserPlace> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-browser-"));
  const closing: (() => Promise<unknown>)[] = [
    () => rm(directory, { recursive: true, force: true }),
  ];
  async function close(): Promise<void> {
    for (let next = closing.pop(); next; next = closing.pop()) await next();
  }
  try {
    const pages = await servePages(scripts);
    closing.push(pages.stop);
    const env = { HOLDFAST_SERVE_ORIGINS: pages.origin };
    const server = await startServer({ data: join(directory, "data"), port: 0, env });
    closing.push(() => stopServer(server));
    let files = 0;
    return {
      directory,
      pages,
      url: server.url,
      async file(size, name = `${files + 1}.bin`) {
        files++;
        const content = { seed: files, size };
        const path = join(directory, name);
        await writeFile(path, bytesOf(content, 0, size));
        return { name, path, content };
      },
      keep: (close) => void closing.push(close),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
