// `holdfast serve --storage`: which stores it takes, what a wrong one is told, and which directory and which bucket belong together.
import { readdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MIB } from "@holdfast/protocol";
import { freePort } from "@holdfast/testkit/free-port";
import {
  killServer,
  type ServerProcess,
  startCli,
  startServer,
  stopServer,
} from "@holdfast/testkit/process";
import { type S3Double, startS3Double } from "@holdfast/testkit/s3-double/server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { credentialsOf, type Environment, inDouble } from "./kit/bucket.ts";
import { refusedStart } from "./kit/refused-start.ts";
import { withScratch } from "./kit/scratch.ts";
import {
  ask,
  completeJob,
  createJob,
  putRun,
  servedDifference,
  statusOf,
  viewOf,
} from "./kit/wire.ts";

let double: S3Double;
beforeEach(async () => {
  double = await startS3Double();
});
afterEach(() => double.close());

const env = (more: Environment = {}): Environment => ({ ...inDouble(double).env("ours"), ...more });
const address = (more = "", bucket = "double") =>
  `s3://${bucket}/ours?endpoint=${double.endpoint}${more}`;

const start = (data: string, more: Environment = {}): Promise<ServerProcess> =>
  startServer({ data, port: 0, env: env(more) });

const CONTENT = { seed: 6, size: 9 * MIB };

/** Every line of the log that has this event. */
function logged({ stderr }: ServerProcess, event: string): readonly string[] {
  return stderr()
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`));
}

/** One file; resolves with its address. */
async function storeFile({ url }: ServerProcess): Promise<string> {
  const job = await createJob(url, CONTENT, 8 * MIB);
  expect((await putRun(url, job, [0, 2])).status).toBe(200);
  return viewOf(await completeJob(url, job.id)).file?.url ?? "";
}

describe("a server with a bucket", () => {
  it("keeps files there and nothing but records here, through kill -9", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const first = await start(data);
      const file = await storeFile(first);
      const open = await createJob(first.url, CONTENT);
      expect((await putRun(first.url, open, [1, 2])).status).toBe(200);
      await killServer(first);
      expect(readdirSync(data)).not.toContain("uploads");
      const second = await start(data);
      expect(await servedDifference(second.url, file, CONTENT)).toBeUndefined();
      expect((await statusOf(second.url, open.id)).committed.bits[0]).toBe(2);
      expect((await ask(second.url, { method: "GET", path: "/readyz" })).status).toBe(200);
      const { text: page } = await ask(second.url, { method: "GET", path: "/" });
      expect(page).toContain("in an object store");
      expect(page).not.toContain("Free room");
      expect((await ask(second.url, { method: "DELETE", path: file })).status).toBe(204);
      expect(
        (await ask(second.url, { method: "DELETE", path: `/v1/uploads/${open.id}` })).status,
      ).toBe(204);
      // What is left is the name of what lies there.
      expect([...double.bucket.objects.keys()]).toEqual(["ours/holdfast.json"]);
      expect(double.bucket.multiparts.size).toBe(0);
      await stopServer(second);
    }));

  it("examines it at the start, but for one that comes after a crash", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const starting = async () => {
        const before = double.asked.length;
        const server = await start(data);
        const asked = double.asked.slice(before).filter((what) => what.includes("ours/probe/"));
        return { server, isExamined: asked.length > 1 };
      };
      const first = await starting();
      await killServer(first.server);
      const second = await starting();
      await stopServer(second.server);
      const third = await starting();
      await stopServer(third.server);
      const all = [first, second, third].map(({ isExamined }) => isExamined);
      expect(all).toEqual([true, false, true]);
    }));

  it("takes the address from the command line, the environment or the file, and shows it", () =>
    withScratch(async (directory) => {
      const { HOLDFAST_STORAGE: _, ...keys } = env();
      const config = join(directory, "config.toml");
      await writeFile(config, `[serve]\nstorage = "${address()}"\n`);
      const data = join(directory, "data");
      const by = startCli(["serve", "--port", "0", "--data", data, "--config", config], {
        env: keys,
      });
      await expect
        .poll(() => by.strayLines.join("\n"), { timeout: 30_000 })
        .toContain("Ctrl-C stops it");
      expect(by.strayLines).toContainEqual(
        expect.stringMatching(/^ {2}storage +s3:\/\/double\/ours/),
      );
      expect(by.strayLines.join("\n")).toContain("is in the store and survives");
      by.kill("SIGTERM");
      await by.exit;
      const flag = startCli(
        ["serve", "--json", "--port", "0", "--data", data, "--storage", address()],
        { env: keys },
      );
      await flag.event("listening");
      flag.kill("SIGTERM");
      await flag.exit;
    }));

  it.each([
    ["storage-class=STANDARD_IA", { "x-amz-storage-class": "STANDARD_IA" }],
    ["sse=AES256", { "x-amz-server-side-encryption": "AES256" }],
    [
      "sse=aws:kms&kms-key=the-key",
      {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "the-key",
      },
    ],
    ["tags=team=web,stage=live", { "x-amz-tagging": "team=web&stage=live" }],
  ])("sends with every object what its address says: %s", (more, fields) =>
    withScratch(async (directory) => {
      const at = env({ HOLDFAST_STORAGE: address(`&${more}`) });
      const server = await startServer({ data: join(directory, "data"), port: 0, env: at });
      await storeFile(server);
      const tailed = await createJob(server.url, CONTENT);
      const appended = await ask(server.url, {
        method: "PATCH",
        path: `/v1/uploads/${tailed.id}`,
        headers: {
          "upload-draft-interop-version": "8",
          "content-type": "application/partial-upload",
          "upload-offset": "0",
          "upload-complete": "?0",
        },
        body: new Uint8Array(1000),
      });
      expect(appended.status).toBe(204);
      const objects = [...double.bucket.objects.values()];
      const kinds = objects.map(({ key }) => key.replace(/\/[a-z2-7]{26}\//, "/ID/").split("/"));
      expect(
        kinds.map(([, ...names]) =>
          names
            .slice(0, 3)
            .join("/")
            .replace(/[0-9a-f]{20}/, "N"),
        ),
      ).toEqual(
        expect.arrayContaining([
          "holdfast.json",
          "bytes/ID/N",
          "besides/ID/manifest",
          "besides/ID/tail",
        ]),
      );
      for (const { key, headers } of objects) {
        expect([key, Object.fromEntries(headers)]).toMatchObject([key, fields]);
      }
      await stopServer(server);
    }),
  );

  it("says that room on a disk is nothing to it", () =>
    withScratch(async (directory) => {
      const server = await start(join(directory, "data"), { HOLDFAST_SERVE_KEEP_FREE: "100G" });
      expect(logged(server, "setting.unused").join("\n")).toContain('"setting":"keep-free"');
      await createJob(server.url, CONTENT);
      await stopServer(server);
    }));

  it("warns of what the store lacks", () =>
    withScratch(async (directory) => {
      await double.close();
      double = await startS3Double({ profile: "gcs" });
      const server = await start(join(directory, "data"));
      const warned = logged(server, "storage.limited").join("\n");
      expect(warned).toContain('"check":"signed"');
      expect(warned).toContain('"check":"lifecycle"');
      expect(warned).toContain("storage init");
      expect(warned).not.toContain('"check":"cors"');
      // It offers what there is.
      const job = await createJob(server.url, CONTENT);
      expect((await statusOf(server.url, job.id)).transfer).toBeUndefined();
      await stopServer(server);
      const pages = { HOLDFAST_SERVE_ORIGINS: "https://app.example" };
      const second = await start(join(directory, "data"), pages);
      expect(logged(second, "storage.limited").join("\n")).toContain('"check":"cors"');
      await stopServer(second);
    }));

  it("is not ready while the store is away, and goes on when it is back", () =>
    withScratch(async (directory) => {
      const server = await start(join(directory, "data"));
      const ready = async () => (await ask(server.url, { method: "GET", path: "/readyz" })).status;
      expect(await ready()).toBe(200);
      double.fault({ operation: "head", fault: { kind: "lose-request" }, times: 1_000_000 });
      await expect.poll(ready, { timeout: 30_000, interval: 500 }).toBe(503);
      double.clearFaults();
      await expect.poll(ready, { timeout: 30_000, interval: 500 }).toBe(200);
      await stopServer(server);
    }));

  it("is found well by the doctor, whose parts are as large as the store wants them", () =>
    withScratch(async (directory) => {
      const server = await start(join(directory, "data"));
      const doctor = startCli(["doctor", server.url, "--json"]);
      const { code } = await doctor.exit;
      const failed = doctor.events.filter(({ fields }) => fields.get("level") === "fail");
      expect([code, failed]).toEqual([0, []]);
      const direct = doctor.events.filter(({ fields }) => fields.get("check") === "direct");
      expect(direct.map(({ fields }) => [fields.get("level"), fields.get("what")])).toEqual([
        ["ok", `offered: parts go straight to ${new URL(double.endpoint).host}`],
      ]);
      // Whoever cannot reach the store is told so, and the rest works.
      double.fault({ operation: "part", fault: { kind: "lose-request" }, after: 3, times: 100 });
      const cut = startCli(["doctor", server.url, "--json", "--max-body", "0"]);
      await cut.exit;
      double.clearFaults();
      const seen = cut.events.filter(({ fields }) => fields.get("check") === "direct");
      expect(seen.map(({ fields }) => [fields.get("level"), fields.get("what")])).toEqual([
        ["warn", expect.stringContaining("cannot be reached from here")],
      ]);
      expect((await ask(server.url, { method: "GET", path: "/v1/files" })).text).toContain(
        '"files":[]',
      );
      await stopServer(server);
    }));

  it("says which setting has become wrong while it ran", () =>
    withScratch(async (directory) => {
      const server = await start(join(directory, "data"));
      const job = await createJob(server.url, CONTENT);
      const expired = { kind: "refuse", status: 400, code: "ExpiredToken" } as const;
      double.fault({ operation: "part", fault: expired, times: 1 });
      const reply = await putRun(server.url, job, [1, 2]);
      expect(reply.status).toBe(503);
      expect(reply.text).toContain("storage_failed");
      expect(server.stderr()).toContain("The credentials have expired: renew them.");
      // They were renewed.
      expect((await putRun(server.url, job, [1, 2])).status).toBe(200);
      await stopServer(server);
    }));

  it("asks for credentials again when they end", () =>
    withScratch(async (directory) => {
      const { accessKeyId, secretAccessKey } = double.credentials;
      const asked = join(directory, "asked");
      const program = join(directory, "credentials.sh");
      const json = `{"Version":1,"AccessKeyId":"${accessKeyId}","SecretAccessKey":"${secretAccessKey}","Expiration":"%s"}`;
      await writeFile(
        program,
        `#!/bin/sh\necho once >> ${asked}\nprintf '${json}' "$(date -u -d '+301 seconds' +%Y-%m-%dT%H:%M:%SZ)"\n`,
        { mode: 0o700 },
      );
      const config = join(directory, "aws");
      await writeFile(config, `[default]\ncredential_process = ${program}\n`);
      const keys = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_CONFIG_FILE: config };
      const server = await start(join(directory, "data"), keys);
      const times = async () => (await import("node:fs")).readFileSync(asked, "utf8").length;
      const before = await times();
      await storeFile(server);
      await expect
        .poll(
          async () => {
            await storeFile(server);
            return times();
          },
          { timeout: 30_000, interval: 300 },
        )
        .toBeGreaterThan(before);
      await stopServer(server);
    }));
});

describe("refused at start, with the setting and the remedy, is", () => {
  it.each([
    ["a wrong key", { AWS_ACCESS_KEY_ID: "nobody" }, /credentials/, /AWS_ACCESS_KEY_ID/],
    ["a wrong secret", { AWS_SECRET_ACCESS_KEY: "hunter2hunter2" }, /credentials/, /AWS_SECRET/],
    ["no key", { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" }, /credentials/, /AWS_PROFILE/],
  ])("%s", (_what, keys, names, hint) =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const said = await refusedStart(data, env(keys));
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect(said.message).toMatch(names);
      expect(said.hint).toMatch(hint);
      expect(said.said).not.toContain("hunter2");
      // Nothing is decided by it.
      expect(readdirSync(data)).not.toContain("storage.json");
    }),
  );

  it("another bucket", () =>
    withScratch(async (directory) => {
      const said = await refusedStart(directory, env({ HOLDFAST_STORAGE: address("", "another") }));
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect([said.message, said.hint].join()).toMatch(/\(bucket\).*storage init --make-bucket/s);
    }));

  it("a further bucket that is not there, by its address", () =>
    withScratch(async (directory) => {
      const storages = `eu=${address("", "another")}`;
      const said = await refusedStart(directory, env({ HOLDFAST_SERVE_STORAGES: storages }));
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect(said.message).toMatch(/^s3:\/\/another\/ours at .*\(bucket\)/);
    }));

  it("credentials that may not write", () =>
    withScratch(async (directory) => {
      const denied = { kind: "refuse", status: 403, code: "AccessDenied" } as const;
      double.fault({ operation: "create", fault: denied, times: 1000 });
      const said = await refusedStart(directory, env());
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect([said.message, said.hint].join()).toMatch(/\(rights\).*docs\/storage-s3\.md/s);
    }));

  it("another region", () =>
    withScratch(async (directory) => {
      await double.close();
      double = await startS3Double({ region: "eu-central-1" });
      const said = await refusedStart(
        directory,
        env({ HOLDFAST_STORAGE: address("&region=us-west-2") }),
      );
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect([said.message, said.hint].join()).toMatch(/\(region\).*region=REGION/s);
      const right = env({ HOLDFAST_STORAGE: address("&region=eu-central-1") });
      await stopServer(await startServer({ data: directory, port: 0, env: right }));
    }));

  it.each([-20, 20])("a clock that is %i minutes off", (minutes) =>
    withScratch(async (directory) => {
      await double.close();
      double = await startS3Double({ now: () => Date.now() + minutes * 60_000 });
      const said = await refusedStart(directory, env());
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect([said.message, said.hint].join()).toMatch(/\(clock\).*timedatectl/s);
    }),
  );

  it("an endpoint that is down", () =>
    withScratch(async (directory) => {
      const away = `s3://double?endpoint=http://127.0.0.1:${await freePort()}`;
      const said = await refusedStart(directory, env({ HOLDFAST_STORAGE: away }));
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect([said.message, said.hint].join()).toMatch(/\(endpoint\).*Check endpoint/s);
    }));

  it.each([
    ["moto", "", /takes bytes that are not those/, /x-amz-content-sha256/],
    ["gcs", "&direct=on", /direct/, /direct=on/],
    ["gcs", "&checksums=on", /checksums/, /checksums=on/],
    ["swift", "&storage-class=STANDARD_IA", /storage-class/, /class/],
  ] as const)("a store that lacks something: %s%s", (profile, more, names, hint) =>
    withScratch(async (directory) => {
      await double.close();
      double = await startS3Double({ profile });
      const said = await refusedStart(directory, env({ HOLDFAST_STORAGE: address(more) }));
      expect(said).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect(said.message).toMatch(names);
      expect(said.hint).toMatch(hint);
    }),
  );

  it.each([
    ["s3://double?endpiont=a", /Did you mean endpoint/],
    ["https://double", /s3:\/\/BUCKET/],
    ["s3://me:hunter2@double", /AWS_ACCESS_KEY_ID/],
  ])("an address that is wrong: %s", (wrong, hint) =>
    withScratch(async (directory) => {
      const { HOLDFAST_STORAGE: _, ...keys } = env();
      const said = await refusedStart(join(directory, "data"), keys, ["--storage", wrong]);
      expect(said).toMatchObject({ code: "usage", exitCode: 2 });
      expect(said.hint).toMatch(hint);
      expect(said.said).not.toContain("hunter2");
    }),
  );
});

describe("a bucket and a data directory", () => {
  it("belong together, and are refused with others, untouched", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const server = await start(data);
      const file = await storeFile(server);
      await stopServer(server);
      const keys = [...double.bucket.objects.keys()];
      const { HOLDFAST_STORAGE: _, ...bare } = env();
      const onDisk = await refusedStart(data, { ...bare, HOLDFAST_STORAGE: "" });
      expect(onDisk).toMatchObject({ code: "data_dir_unusable", exitCode: 7 });
      expect(onDisk.hint).toContain("--storage");
      const other = await refusedStart(join(directory, "other"), env());
      expect(other).toMatchObject({ code: "storage_unusable", exitCode: 7 });
      expect(other.message).toContain("records of another server");
      const elsewhere = env({ HOLDFAST_STORAGE: address().replace("/ours", "/elsewhere") });
      expect(await refusedStart(data, elsewhere)).toMatchObject({ code: "data_dir_unusable" });
      expect([...double.bucket.objects.keys()]).toEqual(keys);
      const stray = "ours/bytes/aaaaaaaaaaaaaaaaaaaaaaaaaa/0123456789";
      const [stored] = [...double.bucket.objects.values()].filter(({ key }) =>
        key.includes("/bytes/"),
      );
      if (stored) double.bucket.objects.set(stray, { ...stored, key: stray });
      const again = await start(data);
      expect(await servedDifference(again.url, file, CONTENT)).toBeUndefined();
      // What nobody knows is told of, and stays.
      await expect
        .poll(() => logged(again, "storage.unrecorded").join("\n"), { timeout: 30_000 })
        .toContain('"objects":1');
      expect(double.bucket.objects.has(stray)).toBe(true);
      // A bucket that was given to others meanwhile is not judged by these records.
      double.bucket.objects.delete("ours/holdfast.json");
      const swept = await ask(again.url, { method: "POST", path: "/v1/sweep?unrecorded=1" });
      expect(JSON.parse(swept.text)).toMatchObject({
        left: { count: 0 },
        unrecorded: { count: 0 },
        // Neither places nor objects are looked at.
        failed: 2,
      });
      expect(double.bucket.objects.has(stray)).toBe(true);
      await stopServer(again);
    }));

  it("are named again where a crash came between the two names", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      await stopServer(await start(data));
      double.bucket.objects.delete("ours/holdfast.json");
      rmSync(join(data, "records.sqlite"));
      await stopServer(await start(data));
      expect([...double.bucket.objects.keys()]).toEqual(["ours/holdfast.json"]);
    }));

  it("are refused where there are bytes on the disk already, or in the bucket", () =>
    withScratch(async (directory) => {
      const data = join(directory, "data");
      const server = await startServer({ data, port: 0 });
      await storeFile(server);
      await stopServer(server);
      const said = await refusedStart(data, env());
      expect(said).toMatchObject({ code: "data_dir_unusable", exitCode: 7 });
      expect(said.message).toContain("its bytes are in it");
      expect(double.bucket.objects.size).toBe(0);
      const used = await start(join(directory, "used"));
      await storeFile(used);
      await stopServer(used);
      double.bucket.objects.delete("ours/holdfast.json");
      const unknown = await refusedStart(join(directory, "third"), env());
      expect(unknown).toMatchObject({ code: "storage_unusable" });
      expect(unknown.message).toContain("no records are known of");
    }));
});

it("keeps the credentials out of everything that is printed", () =>
  withScratch(async (directory) => {
    const { accessKeyId, secretAccessKey } = double.credentials;
    expect(credentialsOf({ accessKeyId, secretAccessKey })).toMatchObject({
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    });
    const server = await start(join(directory, "data"), { HOLDFAST_SERVE_LOG_LEVEL: "debug" });
    const job = await createJob(server.url, CONTENT);
    double.fault({
      operation: "part",
      fault: { kind: "refuse", status: 403, code: "AccessDenied" },
    });
    expect((await putRun(server.url, job, [0, 1])).status).toBe(503);
    await storeFile(server);
    await stopServer(server);
    expect(server.stderr()).toContain("AccessDenied");
    expect(server.stderr()).not.toContain(secretAccessKey);
    expect(server.stderr()).not.toMatch(/X-Amz-Signature=[0-9a-f]/);
  }));
