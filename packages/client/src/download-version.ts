// Which version of a file a download is of, and whether that is still the one at its address.
import { encodeHex, HoldfastError, type PartSet } from "@holdfast/protocol";
import { askAnyFile } from "./any-file.ts";
import { type Described, findFile, requireManifest } from "./describe.ts";
import { contentOf, type DownloadJob, openedSinkOf } from "./download-job.ts";
import { changed, type Pin, pinByRoot, pinByTag, type Version, versionOf } from "./pin.ts";
import { requireWanted } from "./wanted-file.ts";
import type { Call } from "./work.ts";

export interface Found {
  /** As the server or the address has it. */
  readonly name: string;
  readonly version: Version;
  /** @param known Parts whose digests are in the version: where no manifest says them all, they become known as parts come. */
  readonly pinWith: (known: PartSet) => Pin;
}

/** @throws HoldfastError where it is another file than the one that is wanted, and as `findFile` does */
export async function findVersion(job: DownloadJob, call: Call): Promise<Found> {
  const { wire, options, ports } = job;
  const found = await describe(job, call);
  if (found.kind === "manifest") {
    const { manifest } = found;
    requireWanted(manifest, options);
    return { name: manifest.name, version: manifest, pinWith: () => pinByRoot(wire, manifest) };
  }
  // A copy is repaired by what its parts have to be.
  if (openedSinkOf(job).sink.working === "itself") requireManifest(found);
  const { file } = found;
  const version = versionOf(ports.digester, openedSinkOf(job).url, file);
  // What a checkpoint has noted of it: another version has another.
  if (options.root !== undefined && options.root !== encodeHex(version.root)) {
    const hint =
      "It has changed since, or it was never one of Holdfast: --sha256 says what it has to be.";
    throw new HoldfastError("root_mismatch", "it is not the version that is wanted", { hint });
  }
  return { name: file.name, version, pinWith: (known) => pinByTag(wire, version, file, known) };
}

async function describe(job: DownloadJob, { attempt, signal }: Call): Promise<Described> {
  const { manifest, url, token } = job.options;
  if (manifest) return { kind: "manifest", manifest };
  const asked = { url, hasToken: token !== undefined, attempt, signal };
  return findFile(job.wire, job.ports.digester, asked);
}

/** @throws HoldfastError `precondition_failed` where there is another version now: the two are never mixed. */
export async function askForVersion(job: DownloadJob, { attempt, signal }: Call): Promise<void> {
  const { url } = openedSinkOf(job);
  const { pin, version } = contentOf(job);
  if (pin.kind === "manifest") {
    const request = { method: "HEAD", url, headers: pin.headers, attempt, signal } as const;
    await pin.send(request, (answer) => answer.text());
    return;
  }
  const file = await askAnyFile(job.wire, { url, attempt, signal });
  if (file === "holdfast") throw changed("Holdfast serves it now");
  const now = versionOf(job.ports.digester, url, file);
  if (!now.root.every((byte, at) => byte === version.root[at])) {
    throw changed(`it has ${file.size} bytes and the ETag ${file.etag ?? "of none"} now`);
  }
}
