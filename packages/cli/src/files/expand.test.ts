import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expand } from "./expand.ts";

let place: string;
const cwd = process.cwd();

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "holdfast-expand-"));
  for (const directory of ["photos/2024/raw", "photos/empty", "other"]) {
    await mkdir(join(place, directory), { recursive: true });
  }
  for (const [path, size] of [
    ["photos/b.jpg", 3],
    ["photos/.hidden", 1],
    ["photos/2024/a.jpg", 5],
    ["photos/2024/raw/x.raw", 0],
    ["photos/[a].txt", 2],
    ["other/outside.txt", 9],
  ] as const) {
    await writeFile(join(place, path), "x".repeat(size));
  }
});

afterEach(() => rm(place, { recursive: true }));

interface Rules {
  readonly include?: string[];
  readonly exclude?: string[];
  readonly isFollowing?: boolean;
}

async function look(words: readonly string[], rules: Rules = {}) {
  const options = { include: [], exclude: [], isFollowing: false, ...rules };
  const full = words.map((word) => join(place, word));
  const { files, failures, skipped } = await expand(full, options);
  return {
    files: files.map(({ path, relative: kept, size }) => [
      kept ?? `=${relative(place, path)}`,
      size,
    ]),
    failures: failures.map(({ path, error }) => [relative(place, path), error.code]),
    skipped: skipped.map(({ path, why }) => [relative(place, path), why]),
  };
}

describe("expand", () => {
  it("finds every file of a directory in order, hidden and empty ones too, and keeps where it was", async () => {
    expect(await look(["photos"])).toEqual({
      files: [
        ["photos/.hidden", 1],
        ["photos/2024/a.jpg", 5],
        ["photos/2024/raw/x.raw", 0],
        ["photos/[a].txt", 2],
        ["photos/b.jpg", 3],
      ],
      failures: [],
      skipped: [["photos/empty", "an empty directory"]],
    });
  });

  it("takes a file that is named as it is, and what is named twice once", async () => {
    const { files } = await look(["photos/b.jpg", "photos/../photos/b.jpg", "photos"], {
      include: ["*.jpg"],
    });
    expect(files).toEqual([
      ["=photos/b.jpg", 3],
      ["photos/2024/a.jpg", 5],
    ]);
  });

  it("filters what it finds, and enters nothing that is excluded", async () => {
    await chmod(join(place, "photos/2024/raw"), 0);
    const { files, failures } = await look(["photos"], {
      include: ["*.jpg", "*.raw"],
      exclude: ["2024/raw"],
    });
    await chmod(join(place, "photos/2024/raw"), 0o755);
    expect({ files, failures }).toEqual({
      files: [
        ["photos/2024/a.jpg", 5],
        ["photos/b.jpg", 3],
      ],
      failures: [],
    });
  });

  it("expands a pattern that no shell has, unless something has that very name", async () => {
    expect((await look(["photos/*.jpg"])).files).toEqual([["=photos/b.jpg", 3]]);
    expect((await look(["photos/**/*.jpg"])).files).toEqual([
      ["=photos/2024/a.jpg", 5],
      ["=photos/b.jpg", 3],
    ]);
    expect((await look(["photos/[a].txt"])).files).toEqual([["=photos/[a].txt", 2]]);
    expect((await look(["photos/2024/**"])).files).toEqual([
      ["=photos/2024/a.jpg", 5],
      ["=photos/2024/raw/x.raw", 0],
    ]);
  });

  it("names what is not there, and goes on", async () => {
    expect(await look(["none", "photos/b.jpg", "photos/*.none"])).toEqual({
      files: [["=photos/b.jpg", 3]],
      failures: [
        ["none", "source_unreadable"],
        ["photos/*.none", "source_unreadable"],
      ],
      skipped: [],
    });
  });

  it("follows links that are named, leaves the others and says so", async () => {
    await symlink("../other/outside.txt", join(place, "photos/link.txt"));
    await symlink("../other", join(place, "photos/linked"));
    await symlink("photos", join(place, "named"));
    const links = {
      skipped: [
        ["photos/link.txt", "a symbolic link"],
        ["photos/linked", "a symbolic link"],
      ],
    };
    expect(await look(["photos"], { exclude: ["empty"] })).toMatchObject(links);
    expect((await look(["named"], { include: ["*.jpg"] })).files).toEqual([
      ["named/2024/a.jpg", 5],
      ["named/b.jpg", 3],
    ]);
    expect((await look(["photos/link.txt"])).files).toEqual([["=photos/link.txt", 9]]);
    const followed = await look(["photos"], { isFollowing: true, include: ["*.txt"] });
    expect(followed.files).toEqual([
      ["photos/[a].txt", 2],
      ["photos/link.txt", 9],
      ["photos/linked/outside.txt", 9],
    ]);
  });

  it("does not run in circles, nor fall over a link to nothing", async () => {
    await symlink("..", join(place, "photos/2024/up"));
    await symlink("nowhere", join(place, "photos/dangling"));
    const { files, skipped, failures } = await look(["photos"], {
      isFollowing: true,
      include: ["*.jpg", "dangling"],
    });
    expect(files).toHaveLength(2);
    expect(skipped).toContainEqual(["photos/2024/up", "a link to a directory above itself"]);
    expect(failures).toEqual([["photos/dangling", "source_unreadable"]]);
  });

  it("opens no pipe: one that is named is refused, one that lies about is left", async () => {
    await promisify(execFile)("mkfifo", [join(place, "photos/pipe")]);
    expect((await look(["photos/pipe"])).failures).toEqual([["photos/pipe", "source_unreadable"]]);
    const { skipped } = await look(["photos"], { exclude: ["empty"] });
    expect(skipped).toEqual([["photos/pipe", "no regular file"]]);
  });

  it("keeps the paths within . as they are", async () => {
    process.chdir(join(place, "photos"));
    const options = { include: ["*.jpg"], exclude: [], isFollowing: false };
    const found = await expand(["."], options).finally(() => process.chdir(cwd));
    expect(found.files.map((file) => file.relative)).toEqual(["2024/a.jpg", "b.jpg"]);
  });
});
