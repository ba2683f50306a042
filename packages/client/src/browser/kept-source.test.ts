import { HoldfastError } from "@holdfast/protocol";
import { describe, expect, it } from "vitest";
import { type BlobSource, lost, openKeptSource } from "./kept-source.ts";

const CHOSEN = new File(["abcdef"], "talk.bin", { lastModified: 5 });
const FINGERPRINT = { size: 6, mtimeMs: 5, ctimeMs: 5, ino: 0 };

/** The source of a file that the browser does, or does not, read any more. */
function sourceOf(isReadable: boolean): BlobSource {
  return {
    name: "talk.bin",
    identity: "talk",
    fingerprint: FINGERPRINT,
    async read(_, into) {
      if (!isReadable) throw new HoldfastError("source_unreadable");
      into.fill(7);
    },
    async load(_, size) {
      if (!isReadable) throw new HoldfastError("source_unreadable");
      const bytes = new Uint8Array(size).fill(7);
      return { bytes, body: new Blob([bytes]), free: () => undefined };
    },
    isChanged: async () => false,
    close: async () => undefined,
  };
}

function handleTo(find: () => File): FileSystemFileHandle {
  const none = async (): Promise<never> => {
    throw new Error("nobody asks for that");
  };
  return {
    kind: "file",
    name: "talk.bin",
    getFile: async () => find(),
    createWritable: none,
    isSameEntry: none,
  };
}

/** Reads from a file that cannot be read any more, which the handle finds in the form `find` says. */
async function readLost(find: () => File): Promise<Uint8Array> {
  const open = async (file: File) => sourceOf(file !== CHOSEN);
  const source = await openKeptSource(CHOSEN, handleTo(find), open);
  const into = new Uint8Array(2);
  await source.read(0, into);
  const loaded = await source.load(0, into.length);
  expect(loaded.bytes).toEqual(into);
  return into;
}

function refuse(name: string): () => File {
  return () => {
    throw new DOMException("no", name);
  };
}

describe("a file that the browser can find again", () => {
  it("is read on from where it is now, if it is as it was", async () => {
    const same = new File(["abcdef"], "talk.bin", { lastModified: 5 });
    expect(await readLost(() => same)).toEqual(Uint8Array.of(7, 7));
  });

  it.each<readonly [string, () => File, string]>([
    ["another size", () => new File(["abc"], "talk.bin", { lastModified: 5 }), "source_changed"],
    ["another time", () => new File(["abcdef"], "talk.bin", { lastModified: 6 }), "source_changed"],
    ["nothing there", refuse("NotFoundError"), "source_gone"],
    ["nobody's leave", refuse("NotAllowedError"), "source_denied"],
    ["no way to read it", refuse("NotReadableError"), "source_unreadable"],
  ])("is named by what hinders that: %s", async (_, find, code) => {
    await expect(readLost(find)).rejects.toMatchObject({ code });
  });

  it("is changed where it is another one now", async () => {
    const other = () => new File(["x"], "talk.bin", { lastModified: 5 });
    const source = await openKeptSource(CHOSEN, handleTo(other), async () => sourceOf(true));
    expect(await source.isChanged()).toBe(true);
  });

  it("has its name in what a person is told", () => {
    for (const name of ["NotFoundError", "NotAllowedError", "NotReadableError"]) {
      expect(lost(new DOMException("no", name), "talk.bin").message).toContain("talk.bin");
    }
  });
});
