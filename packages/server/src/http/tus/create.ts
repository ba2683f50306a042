// POST /tus: begins an upload, perhaps with its first bytes.
import {
  type Described,
  decodeTusCreation,
  decodeTusMetadata,
  encodeTusOffset,
  HoldfastError,
  partialIdOf,
  type TusCreation,
  type UploadId,
  type UploadView,
} from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { problemReply } from "../problem.ts";
import { emptyReply, type Headers, type Reply } from "../reply.ts";
import type { Request } from "../request.ts";
import { appendBody } from "./append.ts";
import { checkOf } from "./checksum.ts";
import { encodeNote, expiresOf, toldHeaders } from "./told.ts";
import { TUS } from "./wire.ts";

export async function createTus(front: Front, call: Call): Promise<Reply> {
  const { request } = call;
  const creation = decodeTusCreation(request.header);
  const described = decodeTusMetadata(request.header("upload-metadata"));
  if (creation.concat?.kind === "final") {
    const { urls } = creation.concat;
    return createdReply(request, await createFinal(front, call, urls, described));
  }
  const hasBytes = creation.hasBytes && request.body.size !== 0;
  if (!hasBytes) return createdReply(request, await create(front, call, creation, described));
  const { size } = creation;
  if (size !== undefined && (request.body.size ?? 0) > size) throw tooLong(size);
  // What is wrong with it is told before there is an upload.
  const check = checkOf(request);
  const { id } = await create(front, call, creation, described);
  const location = locationOf(request, id);
  try {
    const told = await appendBody(front, call, { id, at: 0, check });
    return emptyReply(201, { location, ...toldHeaders(told) });
  } catch (error) {
    // The upload is there, and what of its bytes is durable too: its client may go on where they end.
    const refusal = problemReply(error, front, TUS.dialect(request));
    return { ...refusal, headers: { ...refusal.headers, location } };
  }
}

function create(
  { engine }: Front,
  { request, principal }: Call,
  { size, concat }: TusCreation,
  described: Described,
): Promise<UploadView> {
  const wants = {
    ...described,
    ...(size === undefined ? {} : { size }),
    digest: "sha-256",
  } as const;
  const note = noteOf(request);
  const role = concat ? { role: { kind: "partial" } as const } : {};
  return engine.create(principal, wants, undefined, { protocol: "tus", note, ...role });
}

function createFinal(
  { engine, trust }: Front,
  { request, principal }: Call,
  urls: readonly string[],
  described: Described,
): Promise<UploadView> {
  // Behind a proxy nobody here knows by what name and path clients see the server.
  const place = trust.hasProxies ? {} : { path: "/tus", hosts: [request.header("host") ?? ""] };
  return engine.concatenate(principal, {
    partials: urls.map((url) => partialIdOf(url, place)),
    request: { ...described, digest: "sha-256" },
    protocol: "tus",
    note: noteOf(request),
  });
}

function noteOf({ header }: Request): string {
  return encodeNote({ metadata: header("upload-metadata"), concat: header("upload-concat") });
}

/** Of an empty file there is nothing more to come. */
function createdReply(request: Request, { id, expiresAt, file }: UploadView): Reply {
  const rest: Headers = file
    ? { "content-location": file.url }
    : encodeTusOffset({ expires: expiresOf(expiresAt) });
  return emptyReply(201, { location: locationOf(request, id), ...rest });
}

/** Relative to what was asked for: so it is right behind every proxy, whatever name and path that has. */
export function locationOf({ path }: Request, id: UploadId): string {
  return path.endsWith("/") ? id : `tus/${id}`;
}

function tooLong(size: number): HoldfastError {
  return new HoldfastError("size_too_large", `the upload has ${size} bytes`, { limit: size });
}
