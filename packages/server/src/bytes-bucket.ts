// Bytes in a bucket. What is needed for that is loaded when it is asked for.
import type { Home, ListedObject, Log, PartStorage } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { pair, requireUnknown } from "./bucket-mark.ts";
import type { Bytes } from "./bytes.ts";
import type { Examinations } from "./examined.ts";
import { markOf, pairHome, requireAllNamed } from "./home-mark.ts";
import { systemClock, systemRandom } from "./platform.ts";
import type { Finding } from "./storage/s3/finding.ts";
import type { BucketMark } from "./storage/s3/mark.ts";
import type { OpenedS3 } from "./storage/s3/open.ts";

export interface BucketOptions {
  /** The data directory, which the caller owns. */
  readonly directory: string;
  /** `s3://BUCKET/PREFIX?...` */
  readonly location: string;
  /** Addresses of further buckets, by their names. */
  readonly storages: ReadonlyMap<string, string>;
  /** In which of these a tenant's bytes are kept. */
  readonly rules: ReadonlyMap<string, Home>;
  /** Whether the records are elsewhere than in the data directory. */
  readonly isShared: boolean;
  /** Origins whose pages may send parts to it. */
  readonly origins: readonly string[];
  readonly examinations: Examinations;
  readonly log: Log;
  /** The name that the records have for it, where it has none yet. */
  readonly asked: string | undefined;
}

/** Milliseconds that an answer of the store holds: readiness may be asked for every second. */
const FRESH_MS = 5_000;
/** Objects that are listed before the mark is read again. */
const LOOK_EVERY = 100;

/** @throws HoldfastError `usage`, `storage_unusable`, `data_dir_unusable` */
export async function openBucketBytes(options: BucketOptions): Promise<Bytes> {
  const { directory, location, storages, rules, isShared, origins, examinations, log } = options;
  const { asked } = options;
  const { openS3Storage } = await import("./storage/s3/open.ts");
  const { joinHomes } = await import("./storage/s3/homes.ts");
  const [origin] = origins;
  const platform = { clock: systemClock, random: systemRandom };
  const wants = { ...platform, ...(origin === undefined ? {} : { origin }) };
  const opened: OpenedS3[] = [];
  const close = () => {
    for (const each of opened) each.close();
  };
  async function open(more: { readonly location: string; readonly home?: Home }) {
    const name = JSON.stringify([more.location, origin ?? ""]);
    const one = await openS3Storage({ ...wants, ...more, known: examinations.find(name) });
    opened.push(one);
    if (one.found) examinations.keep(name, one.found);
    for (const warning of one.warnings) {
      if (warning.what !== "cors" || origin !== undefined) warn(log, one, warning);
    }
    return one;
  }
  try {
    const main = await open({ location });
    const { where } = main;
    const { place, naming } = await pair({ directory, bucket: main.mark, where, isShared, asked });
    const known = await main.homes.read();
    requireAllNamed(known, [...storages.keys()]);
    const named = new Map<Home, PartStorage>();
    const marks = [main.mark];
    const pairings: (() => Promise<void>)[] = [];
    for (const [name, address] of storages) {
      const home = name as Home;
      const one = await open({ location: address, home });
      const { mark: bucket, where } = one;
      pairings.push(() => pairHome({ name, bucket, where }, place, main.homes, known));
      marks.push(one.mark);
      named.set(home, ownOnly(one.storage, one.mark, markOf(place, name)));
    }
    const pairHomes = async () => {
      for (const pairing of pairings) await pairing();
    };
    // They have the name of the first one in theirs.
    if (!naming) await pairHomes();
    const storage = ownOnly(main.storage, main.mark, place);
    let answeredAt = systemClock.monotonic();
    return {
      storage: storages.size === 0 ? storage : joinHomes({ main: storage, named, rules }),
      io: "store",
      where,
      place,
      ...(naming ? { naming: { ...naming, keep: () => naming.keep().then(pairHomes) } } : {}),
      requireUnknown: () => requireUnknown({ bucket: main.mark, where }, naming),
      // Nobody knows how much room a bucket has.
      keepFree: 0,
      // The sweep looks for what no record knows.
      setAside: () => async () => undefined,
      async look() {
        if (systemClock.monotonic() - answeredAt < FRESH_MS) return;
        await Promise.all(marks.map((mark) => mark.look()));
        answeredAt = systemClock.monotonic();
      },
      close: async () => close(),
    };
  } catch (error) {
    close();
    throw error;
  }
}

function warn(
  log: Log,
  { where: storage }: OpenedS3,
  { what, says, means, setting, remedy }: Finding,
): void {
  log("warn", "storage.limited", { storage, check: what, says, means, setting, remedy });
}

/** What somebody else has begun there is never taken for litter, even where the bucket was given to others while this server ran. */
function ownOnly(storage: PartStorage, mark: BucketMark, place: string): PartStorage {
  async function requireOurs(): Promise<void> {
    if ((await mark.read()) === place) return;
    throw new HoldfastError("storage_failed", "the bucket belongs to other records by now");
  }
  /** Again and again: to list many takes hours. */
  async function* list(): AsyncGenerator<ListedObject, void, void> {
    let count = 0;
    for await (const listed of storage.objects.list()) {
      if (count++ % LOOK_EVERY === 0) await requireOurs();
      yield listed;
    }
  }
  return {
    ...storage,
    objects: { ...storage.objects, list },
    async *unfinished(before) {
      await requireOurs();
      yield* storage.unfinished(before);
    },
  };
}
