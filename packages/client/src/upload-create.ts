// How a new upload is made on the server: asked for once under a key, kept before the first byte.
import {
  encodeCreate,
  encodeId,
  ID_BYTES,
  toHoldfastError,
  type UploadView,
} from "@holdfast/protocol";
import { directPartSize } from "./direct/way.ts";
import { partSizeFor, smallPartSize } from "./known.ts";
import type { Answer } from "./state.ts";
import {
  answerOf,
  type Job,
  jsonBody,
  keep,
  openedOf,
  readUpload,
  removeUpload,
  warnOfCheckpoint,
} from "./upload-job.ts";
import { claimSource, nothing } from "./upload-open.ts";
import { storeSmall } from "./upload-small.ts";
import { checkpointOf, newTarget, otherUpload, requireSize, tellCreated } from "./upload-target.ts";
import { decodeWanted } from "./wanted-file.ts";
import type { Call } from "./work.ts";

/** What could be stored in one request had no claim, and turns out to need an upload after all. */
async function claimLate(job: Job, { signal }: Call): Promise<void> {
  const opened = openedOf(job);
  if (opened.release) return;
  try {
    job.opened = { ...opened, release: await claimSource(job, opened.key, signal) };
  } catch (error) {
    warnOfCheckpoint(job, error);
    job.opened = { ...opened, release: nothing };
  }
}

/** Creates the upload; its checkpoint is durable before this resolves, and so before the first byte is sent. A small file is stored whole, then there is no more to do. */
export async function createUpload(
  job: Job,
  call: Call & { readonly partSizeMax?: number },
): Promise<Answer> {
  const { server } = openedOf(job);
  // One whose parts are too large for somebody on the way is of no more use.
  if (call.partSizeMax !== undefined && job.target) job.stale.push(job.target.url);
  job.target = undefined;
  await removeStale(job, call);
  const stored = await storeSmall(job, call);
  if (stored) return stored;
  await claimLate(job, call);
  const { digest = "sha-256" } = job.options;
  const view = await askUploadOf(job, call);
  requireSize(job, view);
  if (view.digest !== digest) throw otherUpload();
  job.algorithm = digest;
  job.idempotencyKey = encodeId(job.ports.random.bytes(ID_BYTES));
  job.target = newTarget(server, view.id, { size: view.size, partSize: view.partSize });
  job.unproven = undefined;
  await keep(job, checkpointOf(job, view.createdAt));
  // Both by the server's clock, whatever ours says.
  tellCreated(job, false, view.expiresAt - view.createdAt);
  return answerOf(job, view);
}

/** A size of parts that nobody asked for but ourselves is left to the server where its storage has none like it. */
async function askUploadOf(
  job: Job,
  call: Call & { readonly partSizeMax?: number },
): Promise<UploadView> {
  const own =
    call.partSizeMax ?? (job.options.partSize === undefined ? wantedPartSize(job) : undefined);
  const partSize = own ?? job.options.partSize;
  try {
    return await requestUpload(job, call, partSize);
  } catch (error) {
    const { code, details } = toHoldfastError(error);
    const isRefused = code === "invalid_request" && details["field"] === "partSize";
    if (own === undefined || !isRefused) throw error;
    return requestUpload(job, call, undefined);
  }
}

function requestUpload(
  job: Job,
  { attempt, signal }: Call,
  partSize: number | undefined,
): Promise<UploadView> {
  const { server, source } = openedOf(job);
  const { name = source.name, type = "application/octet-stream", metadata } = job.options;
  const { digest = "sha-256", verify, live, transfer } = job.options;
  const sha256 = decodeWanted(job.options.sha256, "a SHA-256");
  const { body, headers } = jsonBody(
    encodeCreate({
      name,
      type,
      size: source.fingerprint.size,
      metadata: metadata ?? new Map(),
      digest,
      ...(sha256 ? { sha256 } : {}),
      ...(verify === undefined ? {} : { verify }),
      ...(live === undefined ? {} : { live }),
      ...(transfer === undefined ? {} : { transfer }),
      ...(partSize === undefined ? {} : { partSize }),
    }),
  );
  return job.wire.send(
    {
      method: "POST",
      url: `${server}/v1/uploads`,
      headers: { ...headers, "idempotency-key": `"${job.idempotencyKey}"` },
      body,
      attempt,
      signal,
    },
    readUpload,
  );
}

/** Which way parts go best, the server says with its answer; where they went straight to its store before, they are expected to again. */
function wantedPartSize({ known, knownDirect, opened, ports }: Job): number | undefined {
  const size = opened?.source.fingerprint.size ?? 0;
  const small = ports.transport.mayRepeat ? smallPartSize(size) : undefined;
  return directPartSize(knownDirect, size) ?? partSizeFor(known, size) ?? small;
}

/** Uploads that nobody will go on with; where this fails they expire by themselves. */
async function removeStale(job: Job, { attempt, signal }: Call): Promise<void> {
  for (let url = job.stale.pop(); url !== undefined; url = job.stale.pop()) {
    await Promise.allSettled([removeUpload(job, url, attempt, signal)]);
  }
}
