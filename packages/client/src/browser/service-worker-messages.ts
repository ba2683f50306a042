// What a page of ours and the site's service worker tell each other, among what the site's own scripts do.

const AWAKE = "holdfast: uploads are under way";

/** Said again and again while that is so. */
export const awake: string = AWAKE;

export const isAwake = (message: unknown): boolean => message === AWAKE;

/** What a notification of ours carries: the page that it leads to. */
export interface NoticeData {
  readonly holdfast: string;
}

/** Undefined where it is somebody else's. */
export function pageOf(data: unknown): string | undefined {
  if (typeof data !== "object" || data === null || !("holdfast" in data)) return undefined;
  return typeof data.holdfast === "string" ? data.holdfast : undefined;
}

/** What the names of background fetches of ours begin with. */
export const OURS = "holdfast ";

/** The browser is done with a background fetch, well or not. */
export interface Ended {
  readonly holdfastEnded: string;
}

/** The name of the background fetch that has ended; undefined where it is somebody else's message. */
export function endedOf(message: unknown): string | undefined {
  if (typeof message !== "object" || message === null || !("holdfastEnded" in message)) return;
  return typeof message.holdfastEnded === "string" ? message.holdfastEnded : undefined;
}
