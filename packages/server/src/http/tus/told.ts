// What answers tell of an upload, and what its client wants to hear again.
import type { ToldOffset } from "@holdfast/engine";
import { encodeTusOffset } from "@holdfast/protocol";
import type { Headers } from "../reply.ts";

/** Kept with the upload as it came: `HEAD` says it again in the same words. */
interface Said {
  readonly metadata?: string | undefined;
  readonly concat?: string | undefined;
}

export function encodeNote(said: Said): string {
  return JSON.stringify(said);
}

/** An upload that was begun by another protocol has none. */
function decodeNote(note: string | undefined): Said {
  return note === undefined ? {} : JSON.parse(note);
}

/** The fields of an answer to bytes. */
export function toldHeaders(told: ToldOffset): Headers {
  const { isComplete, expiresAt, fileUrl } = told;
  return {
    ...encodeTusOffset({
      ...(isAssembling(told) ? {} : { offset: told.offset }),
      ...(isComplete ? {} : { expires: expiresOf(expiresAt) }),
    }),
    ...(fileUrl === undefined ? {} : { "content-location": fileUrl }),
  };
}

/** The fields of an answer to `HEAD`: all there is to know. */
export function describedHeaders(told: ToldOffset): Headers {
  const { size, note } = told;
  const { metadata, concat } = decodeNote(note);
  return {
    ...toldHeaders(told),
    ...(size === undefined ? { "upload-defer-length": "1" } : encodeTusOffset({ size })),
    ...(metadata === undefined ? {} : { "upload-metadata": metadata }),
    ...(concat === undefined ? {} : { "upload-concat": concat }),
  };
}

/** An offset of a final tells that it is whole; until then there is none. */
function isAssembling({ role, isComplete }: ToldOffset): boolean {
  return role === "final" && !isComplete;
}

export function expiresOf(at: number): string {
  return new Date(at).toUTCString();
}
