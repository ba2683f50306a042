// Row 3 and what belongs to it: tokens, signed addresses and ids of a whole run of server and commands, and none of them in any log.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeBase64, MIB } from "@holdfast/protocol";
import { type Command, startCli, startServer, stopServer, textOf } from "@holdfast/testkit/process";
import { describe, expect, it } from "vitest";
import { withScratch } from "./kit/scratch.ts";
import { bytesOf, digestOfPart, writeContent } from "./kit/source.ts";
import { startUpload, uploaded } from "./kit/upload.ts";
import { ask, fieldsOf } from "./kit/wire.ts";

const ADMIN = "the-one-token-of-a-simple-server-2f9c";
const WRONG = `hf_aaaaaaaa_${"q".repeat(32)}`;

async function said(command: Command): Promise<string> {
  await command.exit;
  return command.stderr() + command.events.map(({ fields }) => JSON.stringify([...fields])).join();
}

describe("row 3: secrets", () => {
  it.each([
    ["--token", "hunter2-hunter2"],
    ["--token=hunter2-hunter2"],
    ["--password=hunter2-hunter2"],
  ])("on a command line (%s) are refused with a warning, and not repeated", async (...words) => {
    const command = startCli(["upload", "x", "--to", "http://127.0.0.1:1", ...words]);
    const { code } = await command.exit;
    expect(code).toBe(2);
    expect(command.stderr()).toContain("HOLDFAST_TOKEN");
    expect(command.stderr() + command.strayLines.join()).not.toContain("hunter2");
  });

  it("of a whole run are in no log, however it is broken", async () => {
    await withScratch(async (directory) => {
      const data = join(directory, "data");
      const state = join(directory, "state");
      const made = startCli(["token", "create", "--data", data, "--name", "ann", "--json"]);
      const token = textOf(await made.event("token"), "token");
      const env = { HOLDFAST_TOKEN: ADMIN, HOLDFAST_SERVE_LOG_LEVEL: "debug" };
      const server = await startServer({ data, port: 0, env });
      const { url } = server;
      const content = { seed: 3, size: 2 * MIB + 5 };
      const source = join(directory, "source.bin");
      await writeContent(source, content);
      const as = (secret: string) => ({ env: { HOLDFAST_TOKEN: secret } });

      // What works, by the commands and by hand.
      const upload = await uploaded(startUpload(source, url, state, [], as(token)));
      const commands: Command[] = [upload.command];
      const file = upload.url.slice(url.length);
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const post = (path: string, body: unknown) =>
        ask(url, { method: "POST", path, headers, body: JSON.stringify(body) });
      const open = await post("/v1/uploads", { name: "open", size: content.size });
      const id = String(fieldsOf(open).get("id"));
      const digest = encodeBase64(digestOfPart(content, { size: content.size, partSize: MIB }, 0));
      const requests = await post(`/v1/uploads/${id}/requests`, { parts: [{ index: 0, digest }] });
      const signed = String(JSON.parse(requests.text).requests[0].url);
      const link = String(fieldsOf(await post(`${file}/links`, {})).get("url"));
      const sent = await ask(url, { method: "PUT", path: signed, body: bytesOf(content, 0, MIB) });
      expect(sent.status).toBe(200);
      expect((await ask(url, { method: "GET", path: link })).status).toBe(200);

      // What does not.
      const broken = [
        { method: "PUT", path: signed.replace("&e=0", "&e=1"), body: bytesOf(content, 0, MIB) },
        { method: "PUT", path: signed, body: "short" },
        { method: "DELETE", path: link },
        { method: "GET", path: link.replace("exp=", "exp=1") },
        { method: "GET", path: `/v1/uploads/${id}?token=${token}` },
        { method: "GET", path: `/${token}/${id}` },
        { method: "GET", path: file, headers: { authorization: `Bearer ${token}x` } },
        { method: "GET", path: file, headers: { authorization: `Basic ${ADMIN}` } },
        { method: "POST", path: "/v1/uploads", headers, body: `{"name":"${token}` },
        { method: "POST", path: "/v1/uploads", headers, body: `{"name":"a/${token}","size":1}` },
      ];
      for (const wants of broken) {
        expect((await ask(url, wants)).status).toBeGreaterThanOrEqual(400);
      }
      commands.push(startUpload(source, url, `${state}2`, [], as(WRONG)));
      commands.push(startUpload(source, url.replace("://", `://${ADMIN}@`), state, [], as(token)));
      const addresses = [`${url}${link}`, `${upload.url}?token=${token}`];
      for (const address of addresses) {
        const target = join(directory, "copy");
        commands.push(startCli(["download", address, "-o", target, "--json"], as(token)));
      }

      const heard = (await Promise.all(commands.map(said))).join("\n");
      await stopServer(server);
      const log = server.stderr();
      expect(log.split("\n").length).toBeGreaterThan(20);

      const secrets = [ADMIN, token, token.slice(-32), WRONG.slice(-32)];
      const signatures = [signed, link].map(
        (one) => new URL(one, url).searchParams.get("sig") ?? "",
      );
      const { current } = JSON.parse(await readFile(join(data, "keys.json"), "utf8"));
      for (const secret of [...secrets, ...signatures, String(current)]) {
        expect(secret.length).toBeGreaterThan(20);
        expect(log).not.toContain(secret);
      }
      // What a person typed may be told to that person again; no secret of theirs is.
      for (const secret of secrets) expect(heard).not.toContain(secret);
      // An id opens something: the log shows 8 digits of its hash.
      expect(log.match(/(?<![a-z0-9])[a-z2-7]{26}(?![a-z0-9])/g)).toBeNull();
      for (const line of log.trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
    });
  });
});

describe("row 1 and row 20: the commands", () => {
  it("put a file of any name into the directory that was named, and nowhere else", async () => {
    await withScratch(async (directory) => {
      const { hostileNames } = await import("@holdfast/testkit/names");
      const server = await startServer({ data: join(directory, "data"), port: 0 });
      const headers = { "content-type": "application/json" };
      const urls: string[] = [];
      for (const name of hostileNames()) {
        const body = JSON.stringify({ name, size: 0 });
        const made = await ask(server.url, { method: "POST", path: "/v1/uploads", headers, body });
        if (made.status === 201) urls.push(server.url + String(JSON.parse(made.text).file.url));
      }
      expect(urls.length).toBeGreaterThan(200);
      const list = join(directory, "list");
      await writeFile(list, urls.join("\n"));
      const { mkdir, readdir, lstat } = await import("node:fs/promises");
      const target = join(directory, "target");
      await mkdir(target);
      const before = (await readdir(directory)).sort();
      const args = ["download", "--from-list", list, "-o", target, "--json"];
      const command = startCli(args, {
        env: { HOLDFAST_STATE_DIR: join(directory, "target-state") },
      });
      await command.exit;
      const after = (await readdir(directory)).filter((name) => name !== "target-state").sort();
      expect(after).toEqual(before);
      const names = await readdir(target, { recursive: true });
      expect(names.length).toBeGreaterThan(150);
      for (const name of names) {
        expect(name).not.toMatch(/[/\\\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        expect((await lstat(join(target, name))).isFile()).toBe(true);
      }
      await stopServer(server);
    });
  });

  it("end with 77 once a token is revoked, and go on with another one", async () => {
    await withScratch(async (directory) => {
      const data = join(directory, "data");
      const token = async (name: string): Promise<readonly [id: string, token: string]> => {
        const args = ["token", "create", "--data", data, "--name", name, "--json"];
        const made = await startCli(args).event("token");
        return [textOf(made, "id"), textOf(made, "token")];
      };
      const [id, first] = await token("first");
      const server = await startServer({ data, port: 0 });
      const source = join(directory, "source.bin");
      await writeContent(source, { seed: 5, size: 24 * MIB });
      const state = join(directory, "state");
      const send = (secret: string, more: readonly string[] = []) =>
        startUpload(source, server.url, state, more, { env: { HOLDFAST_TOKEN: secret } });
      const slow = send(first, ["--limit-rate", "2M"]);
      await slow.event("progress");
      await startCli(["token", "revoke", id, "--data", data, "--json"]).event("revoked");
      expect(await slow.exit).toMatchObject({ code: 77 });
      expect(textOf(await slow.event("error"), "code")).toBe("unauthorized");
      const [, second] = await token("second");
      const done = await uploaded(send(second));
      expect(done.bytesSent).toBeLessThan(24 * MIB);
      await stopServer(server);
    });
  });

  it.each([
    ["a short key", { HOLDFAST_KEY: "00".repeat(31) }],
    ["a key that stands in examples", { HOLDFAST_KEY: "00".repeat(32) }],
    ["an old key alone", { HOLDFAST_KEY_PREVIOUS: "ab".repeat(32) }],
  ])("refuse to serve with %s: exit code 2, and the key is not shown", async (_name, env) => {
    await withScratch(async (directory) => {
      const args = ["serve", "--json", "--port", "0", "--data", join(directory, "data")];
      const command = startCli(args, { env });
      expect(await command.exit).toMatchObject({ code: 2 });
      const [key = ""] = Object.values(env);
      expect(await said(command)).not.toContain(key);
    });
  });
});
