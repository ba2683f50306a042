// Whole parts in any order: one by one, in runs, and by signed requests.
import {
  decodePartRequests,
  encodePartsWanted,
  encodeRunDigests,
  encodeRunPath,
  hasPart,
  missingRanges,
  type PartRange,
  partOffset,
  partSizeAt,
  runSize,
  type UploadView,
} from "@holdfast/protocol";
import { type MixedJob, postJson, requireStatus, sha256, viewOf } from "./job.ts";
import type { Wants } from "./talk.ts";
import type { Ending, Way } from "./way.ts";

type PutWhole = (job: MixedJob, view: UploadView, run: PartRange) => Promise<void>;

/** One run of all that is missing. */
export const PLAIN: Way = wayOf("run", putAsRun);

export const PART_WAYS: readonly Way[] = [
  wayOf("parts", putSingly),
  PLAIN,
  wayOf("direct", putDirectly),
];

function wayOf(name: string, put: PutWhole): Way {
  return {
    name,
    async bring(job, to, ending) {
      const view = await viewOf(job);
      const whole = Math.floor(to / view.partSize);
      for (const [start, end] of missing(job, view)) {
        const until = Math.min(end, whole);
        if (start < until) await put(job, view, [start, until]);
      }
      await cutPart(job, view, to, ending);
      return { least: Math.min(job.content.length, whole * view.partSize) };
    },
    async finish(job) {
      const view = await viewOf(job);
      for (const run of missing(job, view)) await put(job, view, run);
      const said = await postJson(job, "complete", job.isSized ? {} : { size: job.content.length });
      requireStatus(said, [200], `complete after ${name}`);
    },
  };
}

/** The parts that the content has; of an upload of unknown size the grid has more. */
function missing({ content }: MixedJob, view: UploadView): readonly PartRange[] {
  const count = Math.ceil(content.length / view.partSize);
  return [...missingRanges(view.committed)].flatMap(([start, end]) =>
    start < count ? [[start, Math.min(end, count)] as const] : [],
  );
}

/** A part of which only the beginning comes leaves nothing. */
async function cutPart(
  { talk, id, content, isSized }: MixedJob,
  view: UploadView,
  to: number,
  ending: Ending,
): Promise<void> {
  const index = Math.floor(to / view.partSize);
  const sent = to - partOffset(view, index);
  if (ending === "none" || sent === 0 || to >= content.length) return;
  const isLast = (index + 1) * view.partSize > content.length;
  if (hasPart(view.committed, index) || (isLast && !isSized)) return;
  const wants = putRequest({ id, content }, view, [index, index + 1]);
  await talk.cut(wants, sent, ending === "digest" ? "end" : ending);
}

function putRequest(
  { id, content }: Pick<MixedJob, "id" | "content">,
  { partSize }: UploadView,
  run: PartRange,
): Wants {
  const grid = { size: content.length, partSize };
  const [start, end] = run;
  const digests: Uint8Array[] = [];
  for (let index = start; index < end; index++) {
    const at = partOffset(grid, index);
    digests.push(sha256(content.subarray(at, at + partSizeAt(grid, index))));
  }
  const [name, value] = encodeRunDigests("sha-256", digests);
  const at = partOffset(grid, start);
  return {
    method: "PUT",
    path: `/v1/uploads/${id}/parts/${encodeRunPath(run)}`,
    headers: { [name]: value },
    body: content.subarray(at, at + runSize(grid, start, end)),
  };
}

/** A part may be short only once the size is known: with it, it is told. */
async function putAsRun(job: MixedJob, view: UploadView, run: PartRange): Promise<void> {
  const { headers, ...wants } = putRequest(job, view, run);
  const size = job.content.length;
  const isShort = !job.isSized && run[1] * view.partSize > size;
  const length = isShort ? { "upload-length": String(size) } : {};
  const said = await job.talk.ask({ ...wants, headers: { ...headers, ...length } });
  requireStatus(said, [200], `the run ${run.join("-")}`);
}

/** The last ones first: their order is nobody's business. */
async function putSingly(job: MixedJob, view: UploadView, [start, end]: PartRange): Promise<void> {
  for (let index = end - 1; index >= start; index--) {
    await putAsRun(job, view, [index, index + 1]);
  }
}

async function putDirectly(
  job: MixedJob,
  view: UploadView,
  [start, end]: PartRange,
): Promise<void> {
  const { partSize } = view;
  const isShort = !job.isSized && end * partSize > job.content.length;
  const until = isShort ? end - 1 : end;
  if (isShort) await putAsRun(job, view, [until, end]);
  const parts = Array.from({ length: until - start }, (_, at) => {
    const [from, to] = [(start + at) * partSize, (start + at + 1) * partSize];
    return { index: start + at, digest: sha256(job.content.subarray(from, to)) };
  });
  if (parts.length === 0) return;
  const signed = await postJson(job, "requests", encodePartsWanted({ parts }));
  // An append that was left hanging has brought all of it meanwhile: nothing is missing, and a store has its place no more.
  const isWhole = async () => (await viewOf(job)).state !== "open";
  if (signed.status === 409 && (await isWhole())) return;
  requireStatus(signed, [200], "the signed requests");
  for (const { index, url, headers } of decodePartRequests(JSON.parse(signed.bytes.toString()))) {
    const body = job.content.subarray(index * partSize, (index + 1) * partSize);
    const said = await job.talk.ask({ method: "PUT", path: url, headers, body });
    if (said.status === 404 && (await isWhole())) return;
    requireStatus(said, [200], `the signed request for part ${index}`);
  }
  const confirmed = await postJson(job, "parts", encodePartsWanted({ parts }));
  if (confirmed.status === 200) return;
  // An append that nobody had heard of has begun one of them: what it brought is compared where a part comes through the server.
  requireStatus(confirmed, [409], "the confirmation");
  await putAsRun(job, view, [start, until]);
}
