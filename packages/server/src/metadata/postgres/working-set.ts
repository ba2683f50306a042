// The rows that a group of changes looks at, in memory: changes are decided here, and what they leave is written in one go.
import { HoldfastError } from "@holdfast/protocol";
import {
  bytesAt,
  optionalTextAt,
  type Parameters,
  type Row,
  textAt,
  wholeAt,
} from "../records/codec.ts";
import { PAGE_PARTS } from "../records/pages.ts";
import type { Tables } from "../records/tables.ts";

/** What `load.ts` has read. Pages name their upload by its id; those without digests are there for their bits. */
export interface Loaded {
  readonly uploads: readonly Row[];
  readonly keys: readonly Row[];
  readonly pages: readonly Row[];
  readonly bits: readonly Row[];
  readonly tails: readonly Row[];
  readonly files: readonly Row[];
  readonly usage: readonly Row[];
  /** The store's clock, where claims are looked at. */
  readonly now: Row | undefined;
}

export interface Usage {
  readonly open: number;
  readonly kib: number;
  readonly files: number;
}

/** An upload with its parts, as it was and as it is. Its `seq` is its place in the working set. */
interface Entry {
  readonly id: string;
  readonly before: Row | undefined;
  row: Row | undefined;
  readonly pagesBefore: ReadonlyMap<number, Row>;
  readonly pages: Map<number, Row>;
  /** All its pages, where they were asked for: what is committed and bound there, with or without the digests. */
  readonly bits: Map<number, Row>;
  readonly tailBefore: Row | undefined;
  tail: Row | undefined;
}

interface FileEntry {
  readonly before: Row | undefined;
  row: Row | undefined;
}

export interface WorkingSet {
  readonly tables: Tables;
  /** Makes one change; what it wrote before it threw is undone. */
  attempt(change: () => void): void;
  /** Of an upload as it stands now. */
  versionOf(id: string | undefined): number | undefined;
  readonly uploads: readonly Entry[];
  readonly files: readonly FileEntry[];
  readonly outbox: readonly Row[];
  /** What was added to the usage of each principal, by its row of tenant and principal. */
  usage(): readonly Row[];
}

export function createWorkingSet(loaded: Loaded): WorkingSet {
  const uploads: Entry[] = [];
  const byId = new Map<string, Entry>();
  const files: FileEntry[] = [];
  const filesById = new Map<string, FileEntry>();
  const keys = new Map<string, string>();
  const used = new Map<string, Usage>();
  const added = new Map<string, Usage>();
  const outbox: Row[] = [];
  let undo: (() => void)[] = [];

  const pages = groupByUpload(loaded.pages);
  const bits = groupByUpload(loaded.bits);
  const tails = groupByUpload(loaded.tails);
  for (const row of loaded.uploads) {
    const id = textAt(row, "id");
    const known = new Map((pages.get(id) ?? []).map((page) => [wholeAt(page, "page"), page]));
    const all = [...(bits.get(id) ?? []), ...known.values()];
    const bitsOf = new Map(all.map((page) => [wholeAt(page, "page"), page]));
    addEntry(id, row, known, bitsOf, tails.get(id)?.[0]);
  }
  for (const row of loaded.files) {
    const entry = { before: row, row: { ...row, seq: files.length } };
    files.push(entry);
    filesById.set(textAt(row, "id"), entry);
  }
  for (const row of loaded.keys) keys.set(keyOf(row), textAt(row, "id"));
  for (const row of loaded.usage) used.set(principalOf(row), usageAt(row));

  function addEntry(
    id: string,
    before: Row | undefined,
    pagesBefore: ReadonlyMap<number, Row>,
    bits: Map<number, Row>,
    tail: Row | undefined,
  ): Entry {
    const row = before && { ...before, seq: uploads.length };
    const parts = { pagesBefore, pages: new Map(pagesBefore), bits };
    const entry = { id, before: row, row, ...parts, tailBefore: tail, tail };
    uploads.push(entry);
    byId.set(id, entry);
    return entry;
  }

  function entryAt(seq: unknown): Entry {
    const entry = uploads[Number(seq)];
    if (!entry) throw new HoldfastError("internal", "no upload has this place");
    return entry;
  }

  /** Sets a member of the working set, and knows what it was. */
  function put<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
    const before = map.get(key);
    undo.push(() => (before === undefined ? map.delete(key) : map.set(key, before)));
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }

  function putUpload(entry: Entry, row: Row | undefined): void {
    const before = entry.row;
    undo.push(() => {
      entry.row = before;
    });
    entry.row = row;
    count(before, -1, uploadUsage);
    count(row, 1, uploadUsage);
  }

  function putTail(entry: Entry, tail: Row | undefined): void {
    const before = entry.tail;
    undo.push(() => {
      entry.tail = before;
    });
    entry.tail = tail;
  }

  function putFile(entry: FileEntry, row: Row | undefined): void {
    const before = entry.row;
    undo.push(() => {
      entry.row = before;
    });
    entry.row = row;
    count(before, -1, fileUsage);
    count(row, 1, fileUsage);
  }

  function count(row: Row | undefined, sign: number, usageOf: (row: Row) => Usage): void {
    if (!row) return;
    const { open, kib, files } = usageOf(row);
    if (open === 0 && kib === 0 && files === 0) return;
    const principal = principalOf(row);
    const known = added.get(principal) ?? NOTHING;
    put(added, principal, {
      open: known.open + sign * open,
      kib: known.kib + sign * kib,
      files: known.files + sign * files,
    });
  }

  /** A statement that changes some columns of an upload. */
  function update(change: (row: Row, given: Parameters) => Row): { run(given: Parameters): void } {
    return {
      run(given) {
        const entry = entryAt(given["seq"]);
        if (entry.row) putUpload(entry, { ...entry.row, ...change(entry.row, given) });
      },
    };
  }

  /** One that says that the upload has changed: once in each change. */
  function raise(change: (row: Row, given: Parameters) => Row): { run(given: Parameters): void } {
    return update((row, given) => ({
      ...change(row, given),
      version: wholeAt(row, "version") + 1,
    }));
  }

  const tables: Tables = {
    pageParts: PAGE_PARTS.postgres,
    findUpload: { get: ({ id }) => byId.get(String(id))?.row },
    findCreated: { get: ({ id }) => byId.get(String(id))?.row },
    addUpload: {
      run(row) {
        const id = textAt(row, "id");
        const before = byId.get(id);
        const entry = addEntry(id, undefined, new Map(), new Map(), undefined);
        undo.push(() => {
          if (before) byId.set(id, before);
          else byId.delete(id);
        });
        putUpload(entry, { ...row, seq: uploads.length - 1 });
        if (row["key_name"] !== null) put(keys, keyOf(row), id);
      },
    },
    findKey: {
      get(owner) {
        const id = keys.get(keyOf(owner));
        return id === undefined ? undefined : { id };
      },
    },
    findUsage: {
      get(principal) {
        const key = principalOf(principal);
        const [a, b] = [used.get(key) ?? NOTHING, added.get(key) ?? NOTHING];
        return { open: a.open + b.open, kib: a.kib + b.kib };
      },
    },
    addReserved: update((row, { kib }) => ({
      reserved_kib: wholeAt(row, "reserved_kib") + Number(kib),
    })),
    setCame: raise((row, { expires_at, protocol = null }) => ({
      expires_at: Math.max(wholeAt(row, "expires_at"), Number(expires_at)),
      protocol: optionalTextAt(row, "protocol") ?? protocol,
    })),
    setSize: update((_, { size = null, kib = null }) => ({ size, has_size: 1, reserved_kib: kib })),
    setTold: update(() => ({ has_told_offset: 1 })),
    setWithdrawn: raise((row, { kib }) => ({
      state: "open",
      sealed_sha256: null,
      epoch: wholeAt(row, "epoch") + 1,
      reserved_kib: wholeAt(row, "reserved_kib") - Number(kib),
    })),
    setFailed: raise((row, { at = null, code = null, detail = null }) => ({
      ...{ state: "failed", sealed_sha256: null, epoch: wholeAt(row, "epoch") + 1 },
      ...{ ended_at: at, error_code: code, error_detail: detail },
    })),
    setCompleting: raise((row, { sha256 = null }) => ({
      state: "completing",
      ...(row["state"] === "open" ? { sealed_sha256: sha256 } : {}),
    })),
    setPlace: raise((_, { place = null }) => ({ place })),
    setMoved: raise((row, { kib, place = null, state = null }) => ({
      ...{ state, sealed_sha256: null, epoch: wholeAt(row, "epoch") + 1, place },
      reserved_kib: wholeAt(row, "reserved_kib") - Number(kib),
    })),
    raiseVersion: raise(() => ({})),
    findRevoked: { get: ({ seq }) => entryAt(seq).row },
    setRevoked: raise((_, { revoked = null }) => ({ revoked })),
    findClaim: { get: ({ seq }) => entryAt(seq).row },
    setClaim: update((_, { token = null, holder = null, until = null, wanted_at = null }) => ({
      ...{ claim_token: token, claim_holder: holder },
      ...{ claim_until: until, claim_wanted_at: wanted_at },
    })),
    findNow: { get: () => loaded.now },
    setEpoch: raise((_, { epoch = null }) => ({ epoch })),
    setReopened: raise((_, { code = null, detail = null }) => ({
      ...{ state: "open", sealed_sha256: null, error_code: code, error_detail: detail },
    })),
    setComplete: raise((_, { file_id = null, at = null }) => ({
      ...{ state: "complete", file_id, ended_at: at, sealed_sha256: null },
      ...{ error_code: null, error_detail: null },
    })),
    setEnded: raise((_, { state = null, at = null, code = null, detail = null }) => ({
      ...{ state, sealed_sha256: null, ended_at: at },
      ...(code === null ? {} : { error_code: code, error_detail: detail }),
    })),
    setCleared: raise(() => ({ has_bytes: 0 })),
    dropUpload: {
      run({ id }) {
        const entry = byId.get(String(id));
        if (!entry?.row) return;
        const { row } = entry;
        if (row["key_name"] !== null) put(keys, keyOf(row), undefined);
        putUpload(entry, undefined);
      },
    },

    findTail: { get: ({ upload }) => entryAt(upload).tail },
    putTail: { run: (tail) => putTail(entryAt(tail["upload"]), tail) },
    dropTail: { run: ({ upload }) => putTail(entryAt(upload), undefined) },

    findBits: { iterate: ({ upload }) => bitsInOrder(entryAt(upload)) },
    findBitsBackwards: { iterate: ({ upload }) => bitsInOrder(entryAt(upload)).toReversed() },
    findPage: {
      get({ upload, page }) {
        const row = entryAt(upload).pages.get(Number(page));
        // A copy: whoever asks writes into it before it is decided whether that stands.
        return row && { ...row, ...copyOf(row) };
      },
    },
    putPage: {
      run(row) {
        const entry = entryAt(row["upload"]);
        put(entry.pages, wholeAt(row, "page"), row);
        put(entry.bits, wholeAt(row, "page"), row);
      },
    },

    addFile: {
      run(row) {
        const id = textAt(row, "id");
        const isTaken = files.some(({ row: file }) => file?.["upload_id"] === row["upload_id"]);
        if (isTaken || filesById.get(id)?.row) {
          throw new HoldfastError("internal", "another file has this id, or these bytes");
        }
        const entry: FileEntry = { before: undefined, row: undefined };
        files.push(entry);
        put(filesById, id, entry);
        putFile(entry, { ...row, seq: files.length - 1 });
      },
    },
    findFile: { get: ({ id }) => filesById.get(String(id))?.row },
    setNotes: {
      run({ seq, notes = null, is_damaged = null }) {
        const entry = files[Number(seq)];
        if (entry?.row) putFile(entry, { ...entry.row, notes, is_damaged });
      },
    },
    setFilePlace: {
      run({ seq, place = null, notes = null, is_damaged = null }) {
        const entry = files[Number(seq)];
        if (entry?.row) putFile(entry, { ...entry.row, place, notes, is_damaged });
      },
    },
    setDeleting: {
      run({ seq }) {
        const entry = files[Number(seq)];
        if (entry?.row) putFile(entry, { ...entry.row, state: "deleting" });
      },
    },
    dropFile: {
      run({ seq }) {
        const entry = files[Number(seq)];
        if (entry) putFile(entry, undefined);
      },
    },
    addOutbox: {
      run(entry) {
        undo.push(() => outbox.pop());
        outbox.push(entry);
      },
    },
  };

  return {
    ...{ tables, uploads, files, outbox },
    versionOf(id) {
      const { row } = (id !== undefined && byId.get(id)) || {};
      return row && wholeAt(row, "version");
    },
    attempt(change) {
      undo = [];
      try {
        change();
      } catch (cause) {
        for (const step of undo.toReversed()) step();
        throw cause;
      }
    },
    usage: () =>
      [...added].map(([principal, usage]) => {
        const [tenant, name] = JSON.parse(principal);
        return { tenant, principal: name, ...usage };
      }),
  };
}

const NOTHING: Usage = { open: 0, kib: 0, files: 0 };

function uploadUsage(row: Row): Usage {
  const isOpen = row["state"] === "open" || row["state"] === "completing";
  return isOpen ? { open: 1, kib: wholeAt(row, "reserved_kib"), files: 0 } : NOTHING;
}

/** Its bytes count until they are gone. */
function fileUsage(row: Row): Usage {
  const kib = Math.ceil(wholeAt(row, "size") / 1024);
  return { open: 0, kib, files: row["state"] === "available" ? 1 : 0 };
}

function usageAt(row: Row): Usage {
  return { open: wholeAt(row, "open"), kib: wholeAt(row, "kib"), files: wholeAt(row, "files") };
}

function principalOf(row: Row): string {
  return JSON.stringify([textAt(row, "tenant"), textAt(row, "principal")]);
}

function keyOf(row: Row): string {
  const name = Buffer.from(bytesAt(row, "key_name")).toString("hex");
  return JSON.stringify([textAt(row, "tenant"), textAt(row, "principal"), name]);
}

function copyOf(page: Row): Row {
  return {
    bits: new Uint8Array(bytesAt(page, "bits")),
    digests: new Uint8Array(bytesAt(page, "digests")),
  };
}

function bitsInOrder({ bits }: Entry): Row[] {
  return [...bits].sort(([a], [b]) => a - b).map(([, row]) => row);
}

function groupByUpload(rows: readonly Row[]): ReadonlyMap<string, readonly Row[]> {
  return Map.groupBy(rows, (row) => optionalTextAt(row, "upload") ?? "");
}
