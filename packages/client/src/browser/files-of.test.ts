import { describe, expect, it } from "vitest";
import { type Found, filesOf } from "./files-of.ts";

const FILE = new File(["x"], "one.txt", { lastModified: 1 });
const BATCH = 100;

/** Folders as browsers give them to a page: nothing of them is real, and how much of them was asked for is counted. */
function createDisk() {
  const counts = { given: 0 };
  const filesystem = { name: "", root: undefined as never };
  const none = () => undefined;
  const common = { filesystem, fullPath: "", getParent: none };

  function file(name: string, failure?: DOMException): FileSystemFileEntry {
    return {
      ...{ ...common, name, isFile: true, isDirectory: false },
      file(resolve, reject) {
        if (failure) reject?.(failure);
        else resolve(new File(["x"], name, { lastModified: 1 }));
      },
    };
  }

  function folder(
    name: string,
    entries: Iterable<FileSystemEntry>,
    failure?: DOMException,
  ): FileSystemDirectoryEntry {
    return {
      ...{ ...common, name, isFile: false, isDirectory: true },
      ...{ getDirectory: none, getFile: none },
      createReader() {
        const left = entries[Symbol.iterator]();
        return {
          readEntries(resolve, reject) {
            const some: FileSystemEntry[] = [];
            while (some.length < BATCH) {
              const next = left.next();
              if (next.done) break;
              some.push(next.value);
            }
            counts.given += some.length;
            if (some.length === 0 && failure) reject?.(failure);
            else resolve(some);
          },
        };
      },
    };
  }
  return { file, folder, counts };
}

type Item = Partial<DataTransferItem> & {
  readonly kind: string;
  readonly getAsFileSystemHandle?: () => Promise<unknown>;
};

/** What a drop brings: as much of a list of items as is looked at. */
function dropped(...items: Item[]): Pick<DataTransfer, "items"> {
  const all = items.map((item) => ({
    type: "",
    getAsString: () => undefined,
    getAsFile: () => null,
    webkitGetAsEntry: () => null,
    ...item,
  }));
  const list = { add: () => null, clear: () => undefined, remove: () => undefined };
  return { items: Object.assign(all, list) };
}

const entryItem = (entry: FileSystemEntry): Item => ({
  kind: "file",
  webkitGetAsEntry: () => entry,
});

async function allOf(found: AsyncIterable<Found>): Promise<readonly string[]> {
  const seen: string[] = [];
  for await (const one of found)
    seen.push(one.kind === "file" ? one.path : `${one.path}: ${one.error.code}`);
  return seen;
}

describe("filesOf", () => {
  it("finds the files of folders within folders, with their paths", async () => {
    const { file, folder } = createDisk();
    const tree = folder("talks", [
      file("one.txt"),
      folder("2026", [file("one.txt"), folder("empty", [])]),
    ]);
    const found = filesOf(dropped(entryItem(tree), entryItem(file("beside.txt"))));
    expect(await allOf(found)).toEqual(["talks/one.txt", "talks/2026/one.txt", "beside.txt"]);
  });

  it("takes a folder of 100,000 entries as it is read, and holds no more than the browser gives at once", async () => {
    const { file, folder, counts } = createDisk();
    function* many(): Generator<FileSystemEntry> {
      for (let at = 0; at < 100_000; at++) yield file(`${at}.txt`);
    }
    let taken = 0;
    let held = 0;
    for await (const one of filesOf(dropped(entryItem(folder("many", many()))))) {
      expect(one.kind).toBe("file");
      taken++;
      held = Math.max(held, counts.given - taken);
    }
    expect(taken).toBe(100_000);
    expect(held).toBeLessThan(BATCH);
  });

  it("reads no further than somebody asks", async () => {
    const { file, folder, counts } = createDisk();
    const names = Array.from({ length: 1000 }, (_, at) => file(`${at}`));
    for await (const one of filesOf(dropped(entryItem(folder("many", names))))) {
      expect(one.path).toBe("many/0");
      break;
    }
    expect(counts.given).toBe(BATCH);
  });

  it("names what cannot be read, and goes on with the others", async () => {
    const { file, folder } = createDisk();
    const denied = new DOMException("no", "NotAllowedError");
    const gone = new DOMException("no", "NotFoundError");
    const odd = new DOMException("no", "NotReadableError");
    const tree = folder("talks", [
      file("gone.txt", gone),
      folder("locked", [file("first.txt")], denied),
      file("odd.txt", odd),
      file("good.txt"),
    ]);
    expect(await allOf(filesOf(dropped(entryItem(tree))))).toEqual([
      "talks/gone.txt: source_gone",
      "talks/locked/first.txt",
      "talks/locked: source_denied",
      "talks/odd.txt: source_unreadable",
      "talks/good.txt",
    ]);
  });

  it("brings handles along where the browser has them, and goes without where it has none", async () => {
    const { file, folder } = createDisk();
    const handle = { kind: "file", name: "kept.txt" };
    const inner = { kind: "file", name: "inner.txt" };
    const ofFolder = {
      ...{ kind: "directory", name: "talks" },
      async getFileHandle(name: string) {
        if (name !== inner.name) throw new TypeError("Name is not allowed.");
        return inner;
      },
    };
    const tree = folder("talks", [file("inner.txt"), file('"odd".txt')]);
    const found: Found[] = [];
    const refused = () => Promise.reject(new DOMException("no", "NotAllowedError"));
    for await (const one of filesOf(
      dropped(
        { ...entryItem(file("kept.txt")), getAsFileSystemHandle: async () => handle },
        { ...entryItem(tree), getAsFileSystemHandle: async () => ofFolder },
        { ...entryItem(file("entry.txt")), getAsFileSystemHandle: refused },
      ),
    ))
      found.push(one);
    expect(found.map((one) => [one.path, "handle" in one ? one.handle : undefined])).toEqual([
      ["kept.txt", handle],
      ["talks/inner.txt", inner],
      ['talks/"odd".txt', undefined],
      ["entry.txt", undefined],
    ]);
  });

  it("takes files that a program put together, and passes over what is text", async () => {
    const text = { kind: "string" };
    const plain = { kind: "file", getAsFile: () => FILE };
    expect(await allOf(filesOf(dropped(text, plain)))).toEqual(["one.txt"]);
  });
});
