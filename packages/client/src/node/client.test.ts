import { HoldfastError } from "@holdfast/protocol";
import { serve } from "@holdfast/server";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createClient } from "./index.ts";
import { makePlace, type Place, type Server } from "./testing/place.ts";

let place: Place;
let server: Server;

beforeEach(async () => {
  place = makePlace(serve);
  server = await place.serve();
});
afterEach(() => place.clear());

it("moves many files side by side, within one limit, and closes once", async () => {
  const client = createClient({ stateDir: place.stateDir, inFlight: 2, memory: 1024 * 1024 });
  const files = [100_000, 0, 3_000_000, 1, 2_000_000].map((size, at) =>
    place.file(`file-${at}`, size),
  );
  const sent = await Promise.all(
    files.map(({ path }) => client.upload(path, { to: server.url }).done),
  );
  expect(sent.map(({ size }) => size)).toEqual([100_000, 0, 3_000_000, 1, 2_000_000]);
  await Promise.all(sent.map(({ url }, at) => client.download(url, place.path(`copy-${at}`)).done));
  for (const [at, { bytes }] of files.entries()) expect(place.read(`copy-${at}`)).toEqual(bytes);
  client.close();
});

it("replaces what has the name already only where it is told to, and only by what is whole", async () => {
  const client = createClient({ stateDir: place.stateDir });
  const { path, bytes } = place.file("new", 700_000);
  const { url } = await client.upload(path, { to: server.url }).done;
  place.file("target", 5);
  const refused = client.download(url, place.path("target")).done;
  await expect(refused).rejects.toMatchObject({ code: "sink_exists" });
  expect(place.read("target")).toHaveLength(5);
  await client.download(url, place.path("target"), { replace: true }).done;
  expect(place.read("target")).toEqual(bytes);
  const again = await client.download(url, place.path("target"), { replace: true }).done;
  expect(again.bytesSent).toBe(0);
  client.close();
});

it("describes a file, and what it was told of a file is not asked again", async () => {
  const client = createClient({ stateDir: place.stateDir });
  const { path, bytes } = place.file("one.bin", 300_000);
  const sent = await client.upload(path, { to: server.url, metadata: new Map([["a", "b"]]) }).done;
  const manifest = await client.describe({ url: sent.url });
  expect([manifest.name, manifest.size, manifest.metadata]).toEqual([
    "one.bin",
    300_000,
    new Map([["a", "b"]]),
  ]);
  await client.download(sent.url, place.path("copy"), { manifest }).done;
  expect(place.read("copy")).toEqual(bytes);
  const none = client.describe({ url: `${server.url}/v1/files/${"a".repeat(26)}` });
  await expect(none).rejects.toMatchObject({ code: "file_not_found" });
  const stop = new AbortController();
  const away = client.describe({
    url: "http://127.0.0.1:1/v1/files/x",
    signal: stop.signal,
    onTrouble: () => stop.abort(new HoldfastError("aborted")),
  });
  await expect(away).rejects.toMatchObject({ code: "aborted" });
  const impatient = client.describe({ url: "http://127.0.0.1:1/v1/files/x", giveUpMs: 0 });
  await expect(impatient).rejects.toMatchObject({ code: "gave_up" });
  client.close();
});
