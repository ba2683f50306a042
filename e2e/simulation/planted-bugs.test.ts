// The crash simulation finds mistakes that are planted into the real code: a check that cannot fail proves nothing.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Copy, copyPackages, type Edit } from "../kit/planted.ts";

const FLUSH = "  await flush(context, upload);\n";
const COMMIT = "  const version = await context.metadata.apply(commit);\n";
const UNCOMMITTED =
  "  const version = undefined;\n  context.metadata.apply(commit).catch(() => undefined);\n";
const COMMIT_FILE = "engine/src/commit.ts";

const BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "flush after commit": [
    { file: COMMIT_FILE, find: FLUSH, replace: "" },
    { file: COMMIT_FILE, find: COMMIT, replace: `${COMMIT}${FLUSH}` },
  ],
  "no flush": [{ file: COMMIT_FILE, find: FLUSH, replace: "" }],
  "acknowledgement before commit": [{ file: COMMIT_FILE, find: COMMIT, replace: UNCOMMITTED }],
  "no seal": [
    {
      file: "engine/src/seal.ts",
      find: 'if (storage.kind === "regions") await storage.seal(id, size);',
      replace: 'if (storage.kind === "regions") return;',
    },
  ],
  "claim released early": [
    {
      file: "engine/src/put-run.ts",
      find: "        await writer.settle();\n",
      replace: "        claim.end();\n        await writer.settle();\n",
    },
  ],
  "offset from the file's size": [
    {
      file: "engine/src/context.ts",
      find: "createUploads(parts.metadata,",
      replace: `createUploads({
    ...parts.metadata,
    async parts(id) {
      const table = await parts.metadata.parts(id);
      const record = await parts.metadata.upload(id);
      if (!record || record.state !== "open") return table;
      const bits = table.bits.slice();
      for (let index = 0; index * record.partSize < record.size; index++) {
        const last = Math.min(record.size, (index + 1) * record.partSize) - 1;
        const read = await parts.storage.read({ id, kind: "bytes" }, last, new Uint8Array(1));
        if (read === 1) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
      }
      return { ...table, bits };
    },
  },`,
    },
  ],
  "directory entry not flushed": [
    {
      file: "server/src/storage/disk/sync.ts",
      find: "if (!upload.isNamed) await flushDirectory();",
      replace: "",
    },
  ],
  "record cleared before the bytes are removed": [
    {
      file: "engine/src/abort.ts",
      find: "  await removeStored(context, upload.record);\n",
      replace: "",
    },
  ],
};

const ERASE = "  await removeStored(context, { ...file, id: file.uploadId });\n";

/** What the simulation of deletions and sweeps must find. */
const BUGS_OF_ENDS: Readonly<Record<string, readonly Edit[]>> = {
  "file erased before it is hidden": [
    { file: "engine/src/delete.ts", find: "    await hide(context, file);\n", replace: "" },
    {
      file: "engine/src/delete.ts",
      find: ERASE,
      replace: `${ERASE}  await hide(context, file);\n`,
    },
  ],
  "file forgotten before its bytes are removed": [
    {
      file: "engine/src/delete.ts",
      find: `${ERASE}  await context.metadata.apply({ kind: "erased", id });\n`,
      replace: `  await context.metadata.apply({ kind: "erased", id });\n${ERASE}`,
    },
  ],
  "deletion not driven on": [
    {
      file: "engine/src/recover.ts",
      find: 'allDue(context.metadata, "deleting")',
      replace: "[]",
    },
  ],
  "expired bytes removed before the end is recorded": [
    {
      file: "engine/src/sweep.ts",
      find: '    await context.metadata.apply({ kind: "expire", id, ',
      replace: `    await context.storage.remove(id);
    await context.metadata.apply({ kind: "expire", id, `,
    },
  ],
};

const APPEND_FILE = "engine/src/commit-append.ts";
const APPEND_FLUSH = "    await flush(context, upload);\n";
const APPEND_RECORD = "    await recordAppend(context, upload, { parts, tail, size }, limits);\n";
const APPEND_APPLY =
  "  const version = await context.metadata.apply(append).catch((cause: unknown) => {\n    throw atSize(upload, tail, cause);\n  });\n";
const APPEND_UNDONE =
  "  const version = undefined;\n  context.metadata.apply(append).catch(() => undefined);\n";

const APPEND_BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "an offset that is told before the flush": [
    { file: APPEND_FILE, find: APPEND_FLUSH, replace: "" },
    { file: APPEND_FILE, find: APPEND_RECORD, replace: `${APPEND_RECORD}${APPEND_FLUSH}` },
  ],
  "an offset that is told before its record is durable": [
    { file: APPEND_FILE, find: APPEND_APPLY, replace: APPEND_UNDONE },
  ],
  "a tail whose fragment is forgotten": [
    {
      file: "engine/src/resume-part.ts",
      find: "fragment: tail.fragment",
      replace: "fragment: tail.fragment.slice().fill(0)",
    },
  ],
  "a part over a tail that does not write the fragment": [
    {
      file: "engine/src/receive.ts",
      find: "  return tail.fragment;\n",
      replace: "  return tail.fragment.slice().fill(0);\n",
    },
  ],
  "a claim of an append that ends before its writes": [
    {
      file: "engine/src/append.ts",
      find: "    await stage.settle();\n",
      replace: "    claim.end();\n    await stage.settle();\n",
    },
  ],
  "a size that is fixed before the last bytes are there": [
    {
      file: "engine/src/append.ts",
      find: "  if (await body.ready()) throw exceeded(upload);\n  const why = body.stopped();\n  if (why) throw why;\n",
      replace: "",
    },
    {
      file: "testkit/src/sim/append-work.ts",
      find: "content, { body }).catch",
      replace: "content, { body, isLast: true }).catch",
    },
  ],
};

const PUT_BYTES = '    await regionsOf(context).put({ id: record.id, kind: "bytes" }, [bytes]);\n';

const FILE_BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "a record before the bytes are durable": [
    {
      file: "engine/src/store-small.ts",
      find: PUT_BYTES,
      replace: PUT_BYTES.replace("await", "void"),
    },
  ],
  "bytes that are put and not flushed": [
    {
      file: "server/src/storage/disk/write.ts",
      find: 'fs.open(path, "create-synced", "cached")',
      replace: 'fs.open(path, "create", "cached")',
    },
  ],
  "names of bytes that are put and not flushed": [
    {
      file: "server/src/storage/disk/write.ts",
      find: "    await sync.flushDirectory();\n",
      replace: "",
    },
  ],
  "a key that leads to nothing a crash has left": [
    {
      file: "engine/src/store-file.ts",
      find: 'at: "start", isLast: true',
      replace: "at: 0, isLast: true",
    },
  ],
  "an answer before the record": [
    {
      file: "engine/src/create-key.ts",
      find: "      await context.metadata.apply(change);\n",
      replace: "      void context.metadata.apply(change);\n",
    },
  ],
};

/** What the simulation over a store of parts must find. */
const STORE_BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "an address that is signed before its part is bound": [
    {
      file: "engine/src/presign.ts",
      find: "  await bindParts(context, upload, place, parts);\n",
      replace: "",
    },
  ],
  "an acknowledgement before commit": [{ file: COMMIT_FILE, find: COMMIT, replace: UNCOMMITTED }],
  "a part that goes out before it is bound durably": [
    {
      file: "engine/src/bind.ts",
      find: "  const version = await context.metadata.apply(bind);\n",
      replace: "  const version = undefined;\n  void context.metadata.apply(bind);\n",
    },
  ],
  "a file whose parts were not put together": [
    {
      file: "engine/src/seal.ts",
      find: "      return await inPlace(context, upload, place, () => storage.assemble(place, parts));\n",
      replace: "      return;\n",
    },
  ],
  "an end that leaves its parts": [
    {
      file: "engine/src/stored.ts",
      find: "  if (place !== undefined) await storage.discard(place);\n",
      replace: "",
    },
    // What the one leaves, the other takes along.
    {
      file: "engine/src/stored.ts",
      find: "  await storage.objects.removeAll(id, home);\n",
      replace: "",
    },
  ],
  "places that nobody looks for": [
    { file: "engine/src/sweep-places.ts", find: "yield stray;", replace: "return;" },
  ],
};

const RECORD_GROUP =
  "    await recordAppend(context, upload, durable, limits);\n    await dropTailObjects(context, upload, spent);\n";
const [RECORD, DROP] = RECORD_GROUP.split(/(?<=\n)/);
/** The sweep would find an hour later what is left in a store. */
const NO_STRAYS: Edit = {
  file: "engine/src/sweep-objects.ts",
  find: 'if (context.storage.kind !== "parts") return;',
  replace: "return;",
};
const PUT_TAIL = '  await partsOf(context).objects.put({ kind: "tail"';
const PUT_WHOLE = "await inPlace(context, upload, place, put);";

/** What the simulation of appends over a store of parts must find. */
const STORE_APPEND_BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "an offset that is told before its record is durable": [
    { file: APPEND_FILE, find: APPEND_APPLY, replace: APPEND_UNDONE },
  ],
  "a record of a tail that is not stored yet": [
    {
      file: "engine/src/tail-objects.ts",
      find: PUT_TAIL,
      replace: PUT_TAIL.replace("await", "void"),
    },
  ],
  "a record of a part that is not stored yet": [
    {
      file: "engine/src/whole-part.ts",
      find: PUT_WHOLE,
      replace: PUT_WHOLE.replace("await", "void").replace(
        ", put);",
        ", put).catch(() => undefined);",
      ),
    },
  ],
  "a tail that goes before its part is recorded": [
    { file: "engine/src/store-groups.ts", find: RECORD_GROUP, replace: `${DROP}${RECORD}` },
  ],
  "tails that nobody looks for": [
    {
      file: "engine/src/seal.ts",
      find: "storage.objects.removeTails(id, isSpent, home);",
      replace: "Promise.resolve();",
    },
    NO_STRAYS,
  ],
  "a body that is committed before its digest was right": [
    {
      file: "engine/src/append-stage.ts",
      find: 'digest || check ? "whole" : "grouped"',
      replace: '"grouped"',
    },
  ],
  "a tail that is built on and not counted": [
    {
      file: "engine/src/store-groups.ts",
      find: "[...kept, object]",
      replace: "[object]",
    },
  ],
  "a tail that is no part though all of its bytes came again": [
    {
      file: "engine/src/receive-append-parts.ts",
      find: "      if (endsWithTail(upload, part)) await endPart(part);\n",
      replace: "",
    },
  ],
  "the end of a part that is forgotten where it comes with no bytes": [
    {
      file: "engine/src/store-body.ts",
      find: "(failure ? undefined : keep(group))",
      replace: "(failure || group.pieces.length === 0 ? undefined : keep(group))",
    },
  ],
  "a short part that is bound before its size is fixed": [
    {
      file: "engine/src/receive-append-parts.ts",
      find: "      await fixSize(context, upload, { size, limits, claim });\n",
      replace: "",
    },
    {
      file: "engine/src/receive-append-parts.ts",
      find: "    groups.requireCommitted();\n    if (!isShort",
      replace:
        "    groups.requireCommitted();\n    if (isShort && size !== undefined) await fixSize(context, upload, { size, limits, claim });\n    if (!isShort",
    },
  ],
};

/** What the simulation of finals over a store of parts must find. */
const FINAL_BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "a partial whose bytes go while a final is read from it": [
    {
      file: "engine/src/abort.ts",
      find: "  if (await isPinned(context, upload.record)) return false;\n",
      replace: "",
    },
  ],
  "a partial that is read before it is one object": [
    {
      file: "engine/src/partials-body.ts",
      find: "    await context.uploads.use(id, (upload) => sealPartial(context, upload));\n",
      replace: "",
    },
  ],
  "a final that begins anew where it was cut": [
    {
      file: "engine/src/assemble.ts",
      find: "createPartialsBody(context, partials, offsetOf(upload))",
      replace: "createPartialsBody(context, partials, 0)",
    },
  ],
};

/** What the simulation of several servers must find. */
const MANY_BUGS: Readonly<Record<string, readonly Edit[]>> = {
  "a server that believes what it remembers": [
    {
      file: "engine/src/context.ts",
      find: "onReuse: (upload) => refresh(context, upload)",
      replace: "onReuse: async () => undefined",
    },
    {
      file: "engine/src/host-claim.ts",
      find: "    await refresh(context, upload);\n    return claim;\n",
      replace: "    return claim;\n",
    },
  ],
  "a look that leaves something out, and passes for a whole one": [
    {
      file: "engine/src/refresh.ts",
      find: "const { tail, version } = isAppending ? upload.record : record;",
      replace:
        "const { tail } = isAppending ? upload.record : record;\n  const { version } = record;",
    },
    {
      file: "engine/src/refresh.ts",
      find: "isOurs && [...upload.claims]",
      replace: "(isOurs || true) && [...upload.claims]",
    },
  ],
  "changes that are not bound to the claim": [
    {
      file: "engine/src/host-claim.ts",
      find: "  return { token: held.token };\n",
      replace: "  return {};\n",
    },
  ],
  "an acknowledgement before commit": [{ file: COMMIT_FILE, find: COMMIT, replace: UNCOMMITTED }],
  "an offset that is told before its record is durable": [
    { file: APPEND_FILE, find: APPEND_APPLY, replace: APPEND_UNDONE },
  ],
  "what was stored by who was overtaken": [
    {
      file: "engine/src/store-groups.ts",
      find: "    if (!isUnknown(cause)) await dropTailObjects(context, upload, made);\n",
      replace: "",
    },
    NO_STRAYS,
  ],
};

const LIVES = [
  ["parts", BUGS],
  ["appends", APPEND_BUGS],
  ["files", FILE_BUGS],
  ["ends", BUGS_OF_ENDS],
  ["store", STORE_BUGS],
  ["store-appends", STORE_APPEND_BUGS],
  ["store-finals", FINAL_BUGS],
  ["many", MANY_BUGS],
] as const;

let copy: Copy;
beforeAll(async () => {
  copy = await copyPackages();
});
afterAll(() => copy.remove());

describe.each(LIVES)("a planted bug in a life of %s", (life, bugs) => {
  it("is needed for the simulation to complain", { timeout: 300_000 }, async () => {
    expect(await simulate(life, [])).toEqual({ code: 0, violations: 0 });
  });

  it.each(Object.keys(bugs))("is found: %s", { timeout: 300_000 }, async (bug) => {
    const { code, violations } = await simulate(life, bugs[bug] ?? []);
    expect(code).toBe(1);
    expect(violations).toBeGreaterThan(0);
  });
});

/** Where there are many steps, fewer images of each. */
const IMAGES: Readonly<Record<string, string>> = { "store-appends": "3", "store-finals": "2" };

/** Runs the simulation on the copy of the packages, with these edits in it. */
async function simulate(
  life: string,
  edits: readonly Edit[],
): Promise<{ code: number; violations: number }> {
  const args = [life, IMAGES[life] ?? "20"];
  const { code, stdout, stderr } = await copy.run(edits, "testkit/src/sim/main.ts", args);
  const { violations }: { violations?: string[] } = stdout === "" ? {} : JSON.parse(stdout);
  if (!violations) throw new Error(stderr);
  return { code, violations: violations.length };
}
