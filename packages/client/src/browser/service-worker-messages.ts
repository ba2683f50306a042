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
