// A client that is generated from the served description, and knows nothing else, does the main job.
import { createHash, randomBytes } from "node:crypto";
import { freePort } from "@holdfast/testkit/free-port";
import { startServer, stopServer } from "@holdfast/testkit/process";
import { OpenAPIClientAxios } from "openapi-client-axios";
import { expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";

type Params = Readonly<Record<string, string>>;

const KIB = 1024;
const PART_SIZE = 256 * KIB;

function digestHeader(bytes: Uint8Array): string {
  return `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
}

it("creates, sends parts, completes and downloads", () =>
  withScratch(async (directory) => {
    const server = await startServer({ data: directory, port: await freePort() });
    const api = new OpenAPIClientAxios({
      definition: `${server.url}/openapi.json`,
      axiosConfigDefaults: { baseURL: server.url },
    });
    const client = await api.init();
    /** The function that was generated for an operation. */
    async function call(id: string, params: Params, body?: unknown, config: object = {}) {
      const operation = client[id];
      if (!operation) throw new Error(`nothing was generated for ${id}`);
      return (await operation(params, body, config)).data;
    }
    const content = randomBytes(2 * PART_SIZE + 77);
    const body = { name: "generated.bin", size: content.length, partSize: PART_SIZE };
    const upload = await call("createUpload", {}, body);
    const { id, partCount } = upload;
    expect(partCount).toBe(3);
    for (let index = 0; index < partCount; index++) {
      const part = content.subarray(index * PART_SIZE, (index + 1) * PART_SIZE);
      const headers = {
        "Content-Digest": digestHeader(part),
        "Content-Type": "application/octet-stream",
      };
      const put = await call("putRun", { id, run: `${index}` }, part, { headers });
      expect(put).toMatchObject({ run: [index, index + 1], committed: index + 1 });
    }
    const status = await call("getUpload", { id });
    expect(status.offset).toBe(content.length);
    const complete = await call("completeUpload", { id });
    expect(complete.state).toBe("complete");
    const file = { id: complete.file.id };
    const bytes = await call("getFile", file, undefined, { responseType: "arraybuffer" });
    expect(Buffer.compare(Buffer.from(bytes), content)).toBe(0);
    const manifest = await call("getManifest", file);
    expect(manifest.root).toBe(complete.file.root);
    // What is refused comes back with the code that the description lists.
    const refused = call("completeUpload", { id: "a".repeat(26) });
    await expect(refused).rejects.toMatchObject({
      response: { data: { code: "upload_not_found" } },
    });
    await stopServer(server);
  }));
