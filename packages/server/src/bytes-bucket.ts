// Bytes in a bucket. What is needed for that is loaded when it is asked for.
import type { Log, MetadataStore, PartStorage, Place } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { pair } from "./bucket-mark.ts";
import type { Bytes } from "./bytes.ts";
import { systemClock, systemRandom } from "./platform.ts";
import type { Finding } from "./storage/s3/finding.ts";
import type { BucketMark } from "./storage/s3/mark.ts";
import { multipartOf } from "./storage/s3/place.ts";
import { type Bucket, countUnrecorded } from "./unrecorded-objects.ts";

export interface BucketOptions {
  /** The data directory, which the caller owns. */
  readonly directory: string;
  /** `s3://BUCKET/PREFIX?...` */
  readonly location: string;
  /** Whether the records are elsewhere than in the data directory. */
  readonly isShared: boolean;
  /** Origins whose pages may send parts to it. */
  readonly origins: readonly string[];
  readonly log: Log;
}

/** Milliseconds that an answer of the store holds: readiness may be asked for every second. */
const FRESH_MS = 5_000;

/** @throws HoldfastError `usage`, `storage_unusable`, `data_dir_unusable` */
export async function openBucketBytes(options: BucketOptions): Promise<Bytes> {
  const { directory, location, isShared, origins, log } = options;
  const { openS3Storage } = await import("./storage/s3/open.ts");
  const [origin] = origins;
  const platform = { clock: systemClock, random: systemRandom };
  const wants = { location, ...platform, ...(origin === undefined ? {} : { origin }) };
  const opened = await openS3Storage(wants);
  const { storage, mark, where, warnings, close } = opened;
  try {
    const place = await pair({ directory, bucket: mark, where, isShared });
    for (const warning of warnings) {
      if (warning.what !== "cors" || origin !== undefined) warn(log, warning);
    }
    let answeredAt = systemClock.monotonic();
    return {
      storage: ownOnly(storage, mark, place),
      io: "store",
      where,
      place,
      hasBytes: isShared && !(await mark.isAlone()),
      // Nobody knows how much room a bucket has.
      keepFree: 0,
      setAside: (metadata, log) => lookAside({ ...opened, keyOf }, metadata, log),
      async look() {
        if (systemClock.monotonic() - answeredAt < FRESH_MS) return;
        await mark.look();
        answeredAt = systemClock.monotonic();
      },
      close: async () => close(),
    };
  } catch (error) {
    close();
    throw error;
  }
}

function warn(log: Log, { what, says, means, setting, remedy }: Finding): void {
  log("warn", "storage.limited", { check: what, says, means, setting, remedy });
}

const keyOf = (place: Place): string => multipartOf(place).key;

/** Nothing is moved, and nothing removed: it is told of. */
function lookAside(bucket: Bucket, metadata: MetadataStore, log: Log): () => Promise<void> {
  let isStopped = false;
  void countUnrecorded(bucket, metadata, () => isStopped)
    .then((objects) => {
      if (objects > 0 && !isStopped) log("warn", "storage.unrecorded", { objects });
    })
    .catch((cause: unknown) => {
      if (!isStopped) log("error", "storage.unrecorded.failed", { cause });
    });
  // It only looks: a store that does not answer holds up no end.
  return async () => {
    isStopped = true;
  };
}

/** What somebody else has begun there is never taken for litter, even where the bucket was given to others while this server ran. */
function ownOnly(storage: PartStorage, mark: BucketMark, place: string): PartStorage {
  return {
    ...storage,
    async *unfinished(before) {
      if ((await mark.read()) !== place) {
        throw new HoldfastError("storage_failed", "the bucket belongs to other records by now");
      }
      yield* storage.unfinished(before);
    },
  };
}
