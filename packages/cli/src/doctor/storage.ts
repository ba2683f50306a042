// A storage examined in place of a server: what its store can do, what it lacks, and what to set.
import type { S3Finding } from "@holdfast/server";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Finding, Level } from "./finding.ts";

/** One bucket after another, each by its name; one that cannot be used says nothing of the next. */
export async function* examineStorages(
  storages: ReadonlyMap<string, string>,
  origin: string | undefined,
): AsyncGenerator<Finding> {
  for (const [storage, address] of storages) {
    for await (const finding of examineStorage(address, origin)) yield { ...finding, storage };
  }
}

/**
 * Leaves nothing in the bucket.
 *
 * @throws HoldfastError `usage` where the address is not understood, `storage_unusable` where the AWS SDK is not installed.
 */
export async function* examineStorage(
  address: string,
  origin: string | undefined,
): AsyncGenerator<Finding> {
  const { examineS3, parseS3Location } = await import("@holdfast/server");
  const location = parseS3Location(address);
  const { findings, calls } = await examineS3(location, origin === undefined ? {} : { origin });
  calls.close();
  for (const finding of findings) yield findingOf(finding);
}

const LEVELS: Readonly<Record<S3Finding["state"], Level>> = {
  yes: "ok",
  limited: "warn",
  no: "fail",
};

function findingOf({ what: check, state, says, means, remedy, setting }: S3Finding): Finding {
  return {
    ...{ check, level: LEVELS[state], what: says },
    ...(means === undefined ? {} : { meaning: means }),
    ...(remedy === undefined ? {} : { fix: { other: remedy } }),
    ...(setting === undefined ? {} : { setting }),
  };
}

/** What a command ends with for what is to blame, where there is a code of its own for it. */
export function exitOfSetting(setting: string): ExitCode | undefined {
  if (setting === "endpoint") return EXIT.gaveUp;
  return setting === "credentials" || setting === "rights" ? EXIT.auth : undefined;
}
