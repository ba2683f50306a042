// Bytes in a bucket. What is needed for that is loaded when it is asked for.
import type { Log, PartStorage } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import { pair } from "./bucket-mark.ts";
import type { Bytes } from "./bytes.ts";
import { systemClock, systemRandom } from "./platform.ts";
import type { Finding } from "./storage/s3/finding.ts";
import type { BucketMark } from "./storage/s3/mark.ts";

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
  const { storage, mark, where, warnings, close } = await openS3Storage(wants);
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
      setAside: () => async () => undefined,
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
