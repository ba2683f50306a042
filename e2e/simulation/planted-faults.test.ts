// The random lives on a failing disk find mistakes that are planted into the real code.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Copy, copyPackages, type Edit } from "../kit/planted.ts";

interface Bug {
  readonly what: "appends" | "files";
  /** Seeds that are played until one is wrong. */
  readonly seeds: number;
  readonly edits: readonly Edit[];
}

const HEAL_FILE = "engine/src/heal.ts";
const SYNC_FILE = "server/src/storage/disk/sync.ts";

const BUGS: Readonly<Record<string, Bug>> = {
  "names of an earlier process that are trusted": {
    what: "appends",
    seeds: 500,
    edits: [
      {
        file: SYNC_FILE,
        find: "    if (!upload.isNamed && !file.isNew) await makeAnew(stage.fs, upload.opening.path);\n",
        replace: "",
      },
    ],
  },
  "a flush of the directory that is tried again": {
    what: "files",
    seeds: 700,
    edits: [{ file: SYNC_FILE, find: "      failed ??= mine;\n", replace: "" }],
  },
  "a flush of the directory that waited for one that failed": {
    what: "files",
    seeds: 700,
    edits: [
      {
        file: SYNC_FILE,
        find: "      if (failed) return failed;\n      return limit",
        replace: "      return limit",
      },
    ],
  },
  "a file that comes back over the one that was begun in its place": {
    what: "appends",
    seeds: 500,
    edits: [
      {
        file: "server/src/storage/disk/names.ts",
        find: "(taken ? fs.unlink(away) : fs.rename(away, path))",
        replace: "fs.rename(away, path)",
      },
    ],
  },
  "a file without a key that is answered before its record": {
    what: "files",
    seeds: 100,
    edits: [
      {
        file: "engine/src/store-small.ts",
        find: 'await context.metadata.apply({ kind: "store-alone", ...published });',
        replace:
          'context.metadata.apply({ kind: "store-alone", ...published }).catch(() => undefined);',
      },
    ],
  },
  "bytes of a file without a key that stay when it is refused": {
    what: "files",
    seeds: 500,
    edits: [
      {
        file: "engine/src/store-small.ts",
        find: "    else\n      await regionsOf(context)\n        .remove(record.id)\n        .catch(() => undefined);\n",
        replace: "",
      },
    ],
  },
  "one read that fails and counts as a loss": {
    what: "appends",
    seeds: 500,
    edits: [{ file: HEAL_FILE, find: "const LOOKS = 3;", replace: "const LOOKS = 1;" }],
  },
  "descriptors that ran out and count as a look": {
    what: "appends",
    seeds: 500,
    edits: [
      { file: HEAL_FILE, find: "      if (isHarmless(cause)) {", replace: "      if (!cause) {" },
    ],
  },
  "a seal that failed and is not looked into": {
    what: "appends",
    seeds: 500,
    edits: [
      {
        file: "engine/src/publish.ts",
        find: "    if (!HARMLESS.has(code)) beginHealing(context, upload, cause);\n  }\n}\n",
        replace: "  }\n}\n",
      },
    ],
  },
};

let copy: Copy;
beforeAll(async () => {
  copy = await copyPackages();
});
afterAll(() => copy.remove());

describe("a bug that is planted where the disk fails", () => {
  it.each(Object.entries(BUGS))("is found: %s", { timeout: 300_000 }, async (_, bug) => {
    const { what, seeds, edits } = bug;
    const args = [what, "0", `${seeds}`, "first"];
    const { code, stdout } = await copy.run(edits, "testkit/src/sim/faults-main.ts", args);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^seed \d+: /);
  });
});
