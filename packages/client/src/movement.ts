// How fast the body of a run moves while it is on its way, without what buffers swallow at once.

/** A silence as long as this ends a burst, in milliseconds: what comes after it, the line has made room for. */
const SILENCE_MS = 20;
/** Less than this says little about a pace: so many silences, so many milliseconds. */
const SILENCES_MIN = 2;
const SPAN_MS_MIN = 150;
/** A pace is worth telling again when it is so many times the one told before. */
const RISE = 1.25;

export interface Movement {
  /** More bytes went out, or came in, at this moment. Returns bytes a second where there is something new to tell. */
  note(bytes: number, at: number): number | undefined;
}

/** `way`: what comes in has crossed the line, and only its first piece may have waited; what goes out may lie in a buffer. */
export function createMovement(way: "in" | "out"): Movement {
  const silencesMin = way === "in" ? 0 : SILENCES_MIN;
  let burstEndedAt: number | undefined;
  let movedAt = 0;
  let silences = 0;
  let moved = 0;
  let told = 0;
  return {
    note(bytes, at) {
      const silentMs = burstEndedAt === undefined ? 0 : at - movedAt;
      movedAt = at;
      if (silentMs >= SILENCE_MS) silences++;
      const isBurst = burstEndedAt === undefined || silences < Math.min(1, silencesMin);
      if (isBurst) burstEndedAt = at;
      else moved += bytes;
      const ms = at - (burstEndedAt ?? at);
      if (silences < silencesMin || ms < SPAN_MS_MIN) return undefined;
      const pace = (moved * 1000) / ms;
      if (pace < told * RISE) return undefined;
      told = pace;
      return pace;
    },
  };
}
