// Transcodes a film while it is still being uploaded: ffmpeg reads along, and ends soon after the last byte has come.
import { spawn } from "node:child_process";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface Transcoding {
  /** `/v1/uploads/{id}/content` of a server. */
  readonly content: string;
  /** Of whoever may read. */
  readonly token?: string | undefined;
  /** Where the MP4 goes. */
  readonly out: string;
  /** Hears how many pictures are through. */
  readonly onFrames?: (frames: number) => void;
}

/**
 * Resolves when the MP4 is there, whole: it gets its name last.
 *
 * The bytes are handed to ffmpeg here. By itself it takes a connection that is cut for the end of the film, and an upload that was aborted would leave half a film that looks like a whole one.
 * @throws Error where the upload does not become a file, or ffmpeg can make nothing of it: then nothing is left
 */
export async function transcode({ content, token, out, onFrames }: Transcoding): Promise<void> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${content}?follow=1`, { headers });
  if (!response.ok || !response.body) {
    throw new Error(`the server answers ${response.status}: ${await response.text()}`);
  }
  const making = `${out}.making`;
  const ffmpeg = spawn("ffmpeg", [...QUIET, ...INPUT, ...PICTURE_AND_SOUND, making], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    ffmpeg.on("error", reject).on("close", resolve);
  });
  ended.catch(() => undefined);
  ffmpeg.stdout.setEncoding("utf8").on("data", (text: string) => {
    for (const [, frames] of text.matchAll(/^frame=([0-9]+)$/gm)) onFrames?.(Number(frames));
  });
  try {
    // Only as fast as ffmpeg takes it: what waits, waits at the server.
    await pipeline(Readable.from(response.body), ffmpeg.stdin);
    const code = await ended;
    if (code !== 0) throw new Error(`ffmpeg ended with ${code}`);
    await rename(making, out);
  } catch (error) {
    ffmpeg.kill("SIGKILL");
    await ended.catch(() => undefined);
    await rm(making, { force: true });
    throw error;
  }
}

const QUIET = ["-y", "-loglevel", "error", "-progress", "pipe:1", "-stats_period", "0.2"];
const INPUT = ["-i", "pipe:0"];
/** What every player takes, its index at the front. */
const PICTURE_AND_SOUND = [
  ...["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
  ...["-movflags", "+faststart", "-f", "mp4"],
];
