// Upload-Checksum of one request: all of its body is kept, or nothing.
import type { BodyCheck } from "@holdfast/engine";
import {
  announcesChecksum,
  CHECKSUM_ALGORITHMS,
  type Checksum,
  type ChecksumAlgorithm,
  decodeChecksum,
  equalBytes,
  HoldfastError,
} from "@holdfast/protocol";
import { createChecksum } from "../../hashing/checksum.ts";
import type { Request } from "../request.ts";

/**
 * Looks at the body where its sender tells its checksum, before it or behind it.
 * @throws HoldfastError `invalid_digest`
 */
export function checkOf({ header, trailer }: Request): BodyCheck | undefined {
  const field = header("upload-checksum");
  if (field !== undefined) {
    const checksum = decodeChecksum(field);
    return checkWith([checksum.algorithm], () => checksum);
  }
  if (!announcesChecksum(header("trailer"))) return undefined;
  if (!trailer) throw missing("trailers cannot be read here: send it as a header");
  // Which of them it is stands behind the body too.
  return checkWith(CHECKSUM_ALGORITHMS, () => {
    const late = trailer("upload-checksum");
    if (late === undefined) throw missing("it was announced as a trailer and did not come");
    return decodeChecksum(late);
  });
}

function checkWith(algorithms: readonly ChecksumAlgorithm[], expected: () => Checksum): BodyCheck {
  const running = algorithms.map((algorithm) => ({ algorithm, sum: createChecksum(algorithm) }));
  return {
    update(bytes) {
      for (const { sum } of running) sum.update(bytes);
    },
    requireRight() {
      const { algorithm, value } = expected();
      const actual = running.find((one) => one.algorithm === algorithm)?.sum.digest();
      if (actual && equalBytes(actual, value)) return;
      throw new HoldfastError("digest_mismatch", `the body has another ${algorithm}`);
    },
  };
}

function missing(why: string): HoldfastError {
  const field = "upload-checksum";
  return new HoldfastError("invalid_digest", `${field} is missing: ${why}`, { field });
}
