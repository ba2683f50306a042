// nginx that sends files by itself (examples/proxies/nginx-files.conf, as it is but for port and directory): ranges, tags, types and who may are what they are without.
import { readFile } from "node:fs/promises";
import { startNginxWith } from "@holdfast/testkit/services/nginx";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FILE_CONTENT, type Ours, startOurs } from "../conformance/ours.ts";
import { lineOf } from "../conformance/report.ts";
import { runSuite, SUITES } from "../conformance/suite.ts";

let ours: Ours;
let nginx: Awaited<ReturnType<typeof startNginxWith>>;
/** The same file through nginx. */
let url: string;
let headers: Record<string, string>;

beforeAll(async () => {
  ours = await startOurs(["--proxies", "127.0.0.1", "--accel-redirect", "/holdfast-files/"]);
  const { host, pathname } = new URL(ours.urls.ranges);
  const name = "../../examples/proxies/nginx-files.conf";
  const text = await readFile(new URL(name, import.meta.url), "utf8");
  const marks = ["127.0.0.1:8420", "listen 80;", "/srv/holdfast/uploads/"];
  for (const mark of marks) expect(text).toContain(mark);
  nginx = await startNginxWith((port) =>
    text
      .replaceAll("server 127.0.0.1:8420", `server ${host}`)
      .replaceAll("listen 80;", `listen 127.0.0.1:${port};`)
      .replaceAll("alias /srv/holdfast/uploads/", `alias ${ours.data}/uploads/`),
  );
  url = nginx.url + pathname;
  headers = Object.fromEntries(ours.fields);
});
afterAll(async () => {
  await nginx?.stop();
  await ours?.stop();
});

const get = (more: Record<string, string> = {}, init: RequestInit = {}) =>
  fetch(url, { ...init, headers: { ...headers, ...more } });

describe("a file that nginx sends", () => {
  it("is sent by nginx, as what Holdfast says of it", async () => {
    const [direct, through] = [
      await fetch(ours.urls.ranges, { method: "HEAD", headers }),
      await get(),
    ];
    expect(await through.text()).toBe(FILE_CONTENT);
    // nginx keeps the path to itself, and makes the length by itself.
    expect(through.headers.get("x-accel-redirect")).toBeNull();
    expect(through.headers.get("server")).toMatch(/^nginx/);
    for (const name of [
      ...["etag", "last-modified", "content-type", "content-disposition", "content-length"],
      ...["content-security-policy", "cross-origin-resource-policy", "x-content-type-options"],
      ...["cache-control", "accept-ranges", "referrer-policy", "holdfast-version"],
    ]) {
      expect([name, through.headers.get(name)]).toEqual([name, direct.headers.get(name)]);
    }
  });

  it("has ranges under the tag and the date that Holdfast says", async () => {
    const whole = await get();
    await whole.text();
    for (const name of ["etag", "last-modified"]) {
      const same = await get({ range: "bytes=5-14", "if-range": whole.headers.get(name) ?? "" });
      expect([same.status, same.headers.get("content-range")]).toEqual([
        206,
        `bytes 5-14/${FILE_CONTENT.length}`,
      ]);
      expect(await same.text()).toBe(FILE_CONTENT.slice(5, 15));
    }
    const other = await get({ range: "bytes=5-14", "if-range": '"another"' });
    expect([other.status, await other.text()]).toEqual([200, FILE_CONTENT]);
    const had = await get({ "if-none-match": whole.headers.get("etag") ?? "" });
    expect(had.status).toBe(304);
  });

  it("is nobody's who may not read it, and under no path of its own", async () => {
    expect((await fetch(url)).status).toBe(401);
    expect((await get({ authorization: "Bearer wrong" })).status).toBe(401);
    for (const path of ["/holdfast-files/", "/holdfast-files/../holdfast-files/x.bytes"]) {
      expect((await fetch(nginx.url + path, { headers })).status).toBe(404);
    }
  });

  it("passes every row of the suite that it passes without", async () => {
    const suite = SUITES.find(({ name }) => name === "ranges");
    if (!suite) throw new Error("there is no suite of ranges");
    const { fields, offsetOf } = ours;
    const results = await runSuite(suite, url, { fields, offsetOf });
    const failed = results.filter(({ verdict }) => verdict.kind === "failed");
    expect(failed.map(lineOf)).toEqual([]);
    expect(results.length).toBeGreaterThan(20);
  });
});
