// Clients of tus that need what is not in the repository: tuspy, tus-js-client and Uppy with a bucket behind the server, and tus-js-client behind an nginx that has another name and another path than the server.
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { MIB } from "@holdfast/protocol";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { tuspyFolder } from "@holdfast/testkit/services/install";
import { startNginx } from "@holdfast/testkit/services/nginx";
import { expect, it } from "vitest";
import { startStore } from "../kit/bucket.ts";
import { withScratch } from "../kit/scratch.ts";
import { type Content, streamDifference, writeContent } from "../kit/source.ts";
import { CLIENTS, startUpload } from "../kit/tus-client.ts";

const content: Content = { seed: 31, size: 2 * MIB + 4321 };

type Fields = Readonly<Record<string, string>>;

async function differenceAt(
  base: string,
  id: string,
  wanted: Content,
  more: Fields = {},
): Promise<unknown> {
  const headers = { "tus-resumable": "1.0.0", ...more };
  for (;;) {
    const head = await fetch(`${base}/tus/${id}`, { method: "HEAD", headers });
    expect(head.status).toBe(200);
    const file = head.headers.get("content-location");
    if (file === null) continue;
    const { body } = await fetch(`${base}${file}`, { headers });
    return body ? streamDifference(body, wanted) : "it has no bytes";
  }
}

const idOf = (url: string) => url.slice(url.lastIndexOf("/") + 1);

/** Half of it, then the rest in an uploader of its own; then all of it with checksums. */
const TUSPY = `
import sys
from tusclient import client
there, path = sys.argv[1:]
tus = client.TusClient(there)
first = tus.uploader(path, chunk_size=600_000, metadata={"filename": "python.bin"})
first.upload(stop_at=1_200_000)
rest = tus.uploader(path, chunk_size=600_000, url=first.url)
assert rest.get_offset() == 1_200_000, rest.get_offset()
rest.upload()
checked = tus.uploader(path, chunk_size=600_000, upload_checksum=True)
checked.upload()
print(first.url, checked.url)
`;

it.each(["/tus", "/tus/"])("tuspy uploads to %s, goes on, and sends checksums", (place) =>
  withScratch(async (directory) => {
    const server = await startServer({ data: join(directory, "data"), port: 0 });
    const source = join(directory, "source.bin");
    await writeContent(source, content);
    const env = { ...process.env, PYTHONPATH: await tuspyFolder() };
    const words = ["-c", TUSPY, `${server.url}${place}`, source];
    const { stdout } = await promisify(execFile)("python3", words, { env });
    const urls = stdout.trim().split(" ");
    expect(urls).toHaveLength(2);
    for (const url of urls)
      expect(await differenceAt(server.url, idOf(url), content)).toBeUndefined();
    await stopServer(server);
  }),
);

it.each(CLIENTS)("%s finds its uploads behind nginx, partials too", (client) =>
  withScratch(async (directory) => {
    const token = "a-token-of-this-test-long-enough";
    const env = { HOLDFAST_SERVE_PROXIES: "127.0.0.1", HOLDFAST_TOKEN: token };
    const headers = { authorization: `Bearer ${token}` };
    const server = await startServer({ data: join(directory, "data"), port: 0, env });
    // As it comes it passes on a Host of its own making.
    const nginx = await startNginx(
      [new URL(server.url).host],
      "rewrite ^/up/files(.*)$ /tus$1 break; proxy_http_version 1.1; proxy_request_buffering off; client_max_body_size 0;",
    );
    const source = join(directory, "source.bin");
    await writeContent(source, content);
    // Only with the slash at its end does the last segment of the path not matter.
    const endpoint = `${nginx.url}/up/files/`;
    for (const options of [{ chunkSize: MIB }, { parallelUploads: 3 }]) {
      const upload = startUpload(client, createReadStream(source), {
        endpoint,
        headers,
        ...options,
      });
      const url = await upload.done;
      expect(url).toMatch(`${endpoint}`);
      expect(await differenceAt(server.url, idOf(url), content, headers)).toBeUndefined();
    }
    await nginx.stop();
    await stopServer(server);
  }),
);

/** More than a part of the bucket, in pieces that end in none of them. */
const large: Content = { seed: 32, size: 26 * MIB + 4321 };

const UPPY = fileURLToPath(new URL("../kit/uppy-node.js", import.meta.url));

/** In a process of its own: its types want a browser. */
async function sendWithUppy(endpoint: string, source: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [UPPY, endpoint, source]);
  return stdout.trim();
}

it.each([...CLIENTS, "Uppy"] as const)("%s sends partials to a bucket, side by side", (client) =>
  withScratch(async (directory) => {
    const store = await startStore();
    const env = store.env("clients", "&part-size-min=5M");
    const server = await startServer({ data: join(directory, "data"), port: 0, env });
    const endpoint = `${server.url}/tus`;
    const source = join(directory, "source.bin");
    await writeContent(source, large);
    const options = { endpoint, parallelUploads: 3, chunkSize: 5 * MIB };
    const url =
      client === "Uppy"
        ? await sendWithUppy(endpoint, source)
        : await startUpload(client, createReadStream(source), options).done;
    expect(await differenceAt(server.url, idOf(url), large)).toBeUndefined();
    // Three partials that are one object each, the file, and its manifest.
    const { objects, unfinished } = await store.look("clients");
    expect([objects.filter((key) => key !== "holdfast.json").length, unfinished]).toEqual([5, 0]);
    await stopServer(server);
    await store.stop();
  }),
);
