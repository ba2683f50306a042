// A storage of parts in memory, as strict and as careless as an object store: it holds bytes to the digest that comes with them, takes a part again with another
// one, and lets whoever was once given an address come late.
import type {
  BoundPart,
  Clock,
  Home,
  ListedObject,
  ObjectStorage,
  PartBody,
  PartStorage,
  Place,
  PlacedObject,
  PlaceForm,
  SignedRequest,
} from "@holdfast/engine";
import {
  type ByteRange,
  decodeBase64,
  encodeBase64,
  type GridLimits,
  HoldfastError,
  KIB,
  PART_SIZE_STEP,
  SIZE_MAX,
  type TransferWay,
  type UploadId,
} from "@holdfast/protocol";
import {
  emptyParts,
  joinParts,
  type PartsState,
  type PlaceState,
  refused,
  requirePart,
  storedOf,
  storePart,
} from "./parts-state.ts";

/** A call of the storage, by its method. */
export type PartCall =
  | Exclude<keyof PartStorage, "kind" | "limits" | "transfer" | "homeOf" | "objects">
  | `objects.${keyof ObjectStorage}`;

export interface MemoryPartsOptions {
  readonly limits?: Partial<GridLimits>;
  readonly transfer?: TransferWay;
  readonly clock?: Pick<Clock, "now">;
  /** By their tenants. */
  readonly homes?: ReadonlyMap<string, Home>;
  /** What an earlier process has left. */
  readonly state?: PartsState;
  /** Awaited before a call does anything, and once more when it has: what it throws is what the caller hears, an answer that was lost in the second case. */
  readonly onCall?: (call: PartCall, when: "before" | "after") => Promise<void> | void;
}

export interface MemoryParts extends PartStorage {
  readonly state: PartsState;
  /** A request that was signed arrives, at any time, from anybody. @throws HoldfastError as the store refuses it */
  bring(request: SignedRequest, bytes: Uint8Array): void;
}

/** An odd one, so that nobody relies on where pieces end. */
const PIECE_SIZE = 100_003;

export function createMemoryParts(options: MemoryPartsOptions = {}): MemoryParts {
  const { state = emptyParts(), clock = Date, onCall = () => undefined } = options;
  const { homes = new Map() } = options;
  const limits: GridLimits = {
    partSizeMin: PART_SIZE_STEP,
    partSizeMax: 1024 * 1024 * KIB,
    partCountMax: 10_000,
    sizeMax: SIZE_MAX,
    ...options.limits,
  };

  async function call<T>(name: PartCall, work: () => T | Promise<T>): Promise<T> {
    await onCall(name, "before");
    const result = await work();
    await onCall(name, "after");
    return result;
  }

  return {
    kind: "parts",
    transfer: options.transfer ?? "direct",
    limits,
    state,
    objects: createObjects(state, call, clock),
    homeOf: (tenant) => homes.get(tenant),
    begin: (id, _, home, form = "joined") =>
      call("begin", () => {
        state.begun++;
        const place = JSON.stringify([id, state.begun, home ?? null, form]) as Place;
        if (form === "joined")
          state.places.set(place, { id, beganAt: clock.now(), parts: new Map() });
        return place;
      }),
    putPart: (place, part, body, signal) =>
      call("putPart", async () => {
        const bytes = await readBody(body, signal);
        if (!isStaged(place)) return storePart(state, place, part, bytes);
        requirePart(part, bytes);
        const key = keyOf({ kind: "part", place, index: part.index });
        state.objects.set(key, bytes);
        state.writtenAt.set(key, clock.now());
      }),
    sign: (place, parts, lifeMs) =>
      call("sign", () => {
        if (isStaged(place)) throw new HoldfastError("digest_unsupported");
        return parts.map((part) => signedFor(place, part, clock.now() + lifeMs));
      }),
    listed: (place, start, end) =>
      call("listed", () => {
        if (isStaged(place)) return new Map();
        const known = state.places.get(place);
        if (!known || known.object) throw refused("NoSuchUpload");
        const { parts } = known;
        const inside = [...parts].filter(([index]) => index >= start && index < end);
        return new Map(
          inside.map(([index, { bytes, digest }]) => [index, { size: bytes.length, digest }]),
        );
      }),
    assemble: (place, parts) =>
      call("assemble", async () => {
        const terms = { partSizeMin: limits.partSizeMin, now: clock.now() };
        if (!isStaged(place)) return joinParts(state, place, parts, terms);
        if (!state.places.get(place)?.object) {
          joinParts(state, place, parts, terms, stagedIn(state, place, parts));
          // A process may end in between.
          await onCall("assemble", "after");
        }
        removeBelow(state, partsOf(place));
      }),
    discard: (place) =>
      call("discard", () => {
        if (isStaged(place)) removeBelow(state, partsOf(place));
        state.places.delete(place);
      }),
    async *unfinished(before) {
      await onCall("unfinished", "before");
      for (const [place, { id, beganAt, object }] of [...state.places]) {
        if (!object && beganAt < before) yield { id, place };
      }
    },
    bring({ url, headers }, bytes) {
      const signed = new URL(url).searchParams;
      if (Number(signed.get("expires")) < clock.now()) throw refused("AccessDenied");
      const digest = decodeBase64(headers["x-digest"] ?? "") ?? new Uint8Array();
      const part = { index: Number(signed.get("index")), size: Number(signed.get("size")), digest };
      storePart(state, (signed.get("place") ?? "") as Place, part, bytes.slice());
    },
  };
}

function signedFor(
  place: Place,
  { index, size, digest }: BoundPart,
  expires: number,
): SignedRequest {
  const query = new URLSearchParams({
    ...{ place, index: String(index), size: String(size), expires: String(expires) },
  });
  const headers = { "x-digest": encodeBase64(digest) };
  return { index, url: `https://store.invalid/?${query}`, method: "PUT", headers };
}

type Call = <T>(name: PartCall, work: () => T | Promise<T>) => Promise<T>;

function createObjects(state: PartsState, call: Call, clock: Pick<Clock, "now">): ObjectStorage {
  function bytesOf(object: PlacedObject): Uint8Array {
    if (object.kind === "bytes") return state.places.get(object.place)?.object ?? new Uint8Array();
    return state.objects.get(keyOf(object)) ?? new Uint8Array();
  }
  async function* read(object: PlacedObject, { start, end }: ByteRange) {
    const bytes = await call("objects.read", () => bytesOf(object));
    for (let at = start; at < Math.min(end, bytes.length); at += PIECE_SIZE) {
      yield bytes.slice(at, Math.min(at + PIECE_SIZE, end));
    }
  }
  async function* list(): AsyncGenerator<ListedObject> {
    await call("objects.list", () => undefined);
    for (const [place, { id, object, assembledAt = 0 }] of [...state.places]) {
      if (!object) continue;
      const isIn = (other: Place) => other === place;
      const ageMs = clock.now() - assembledAt;
      yield { id, object: { kind: "bytes", place }, isIn, size: object.length, ageMs };
    }
    for (const [key, { length: size }] of [...state.objects]) {
      const ageMs = clock.now() - (state.writtenAt.get(key) ?? 0);
      yield { ...objectOf(key), isIn: () => false, size, ageMs };
    }
  }
  return {
    isStaged,
    read,
    list,
    address: (place, terms) =>
      call("objects.address", () => {
        const { lifeMs, type, disposition } = terms;
        const query = new URLSearchParams({ place, life: String(lifeMs), type, disposition });
        return `https://store.invalid/?${query}`;
      }),
    put: (object, bytes) =>
      call("objects.put", async () => {
        // Whoever uses the memory again before this has resolved is found out.
        await Promise.resolve();
        state.objects.set(keyOf(object), bytes.slice());
        state.writtenAt.set(keyOf(object), clock.now());
      }),
    remove: (object) =>
      call("objects.remove", () => {
        if (object.kind === "bytes") state.places.delete(object.place);
        else state.objects.delete(keyOf(object));
      }),
    removeTails: (id, isSpent, home) =>
      call("objects.removeTails", () =>
        removeBelow(state, `${prefixOf({ id, home })}tail/`, isSpent),
      ),
    removeAll: (id, home) =>
      call("objects.removeAll", () => {
        removeBelow(state, prefixOf({ id, home }));
        for (const [place, { object }] of state.places) {
          const words = wordsOf(place);
          if (object && words.id === id && words.home === home) state.places.delete(place);
        }
      }),
  };
}

function removeBelow(
  { objects }: PartsState,
  prefix: string,
  isUnwanted: (name: string) => boolean = () => true,
): void {
  for (const key of objects.keys()) {
    if (key.startsWith(prefix) && isUnwanted(key.slice(prefix.length))) objects.delete(key);
  }
}

const PARTS = "part/";

function isStaged(place: Place): boolean {
  return wordsOf(place).form === "staged";
}

function wordsOf(place: Place) {
  const [id, begun, home, form]: [UploadId, number, Home | null, PlaceForm] = JSON.parse(place);
  return { id, begun, home: home ?? undefined, form };
}

/** What the parts of a staged place are stored under. */
function partsOf(place: Place): string {
  const { id, begun, home } = wordsOf(place);
  return `${prefixOf({ id, home })}${PARTS}${begun}/`;
}

/** The state of a place whose parts are objects, as joining wants it. */
function stagedIn({ objects }: PartsState, place: Place, parts: readonly BoundPart[]): PlaceState {
  const stored = parts.flatMap(({ index }) => {
    const bytes = objects.get(keyOf({ kind: "part", place, index }));
    return bytes ? [[index, storedOf(bytes)] as const] : [];
  });
  return { id: wordsOf(place).id, beganAt: 0, parts: new Map(stored) };
}

function keyOf(object: PlacedObject): string {
  if (object.kind === "bytes") return object.place;
  if (object.kind === "part") return partsOf(object.place) + object.index;
  return `${prefixOf(object)}${object.kind}/${object.name}`;
}

/** What a key was made for. */
function objectOf(key: string): Pick<ListedObject, "id" | "object"> {
  const [, home, id = "", rest = ""] = /^(?:([^/]*)\/)?([a-z2-7]{26})\/(.*)$/.exec(key) ?? [];
  const of = { id: id as UploadId, home: home as Home | undefined };
  if (rest.startsWith(PARTS)) {
    const [begun, index] = rest.slice(PARTS.length).split("/").map(Number);
    const place = JSON.stringify([id, begun, home ?? null, "staged"]) as Place;
    return { id: of.id, object: { kind: "part", place, index: index ?? 0 } };
  }
  const [kind, name = ""] = rest.split("/");
  return { id: of.id, object: { kind: kind === "manifest" ? kind : "tail", ...of, name } };
}

function prefixOf({ id, home }: { readonly id: UploadId; readonly home?: Home | undefined }) {
  return home === undefined ? `${id}/` : `${home}/${id}/`;
}

/** Takes the body as a socket does: a piece at a time, each read only when it is its turn. */
async function readBody(body: PartBody, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  aborted.catch(() => undefined);
  const stop = () => reject(new HoldfastError("storage_failed", "the request was ended"));
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  const taken: Uint8Array[] = [];
  async function take(): Promise<void> {
    for await (const piece of body.pieces) {
      await Promise.resolve();
      taken.push(piece.slice());
    }
  }
  try {
    await Promise.race([take(), aborted]);
    return Buffer.concat(taken);
  } catch (cause) {
    throw new HoldfastError("storage_failed", "the body broke off", {}, cause);
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
