// What pages need so that they may send parts to a store: the rule that we set, and whether others do already.
import type { CorsRule } from "./calls.ts";

const ID = "holdfast";
/** Fields that a browser sends with a part. */
export const SENT: readonly string[] = ["x-amz-checksum-sha256", "content-type"];
const EXPOSED = ["etag", "x-amz-checksum-sha256", "x-amz-request-id"];
const MAX_AGE_SECONDS = 3600;

export function ruleFor(origins: readonly string[]): CorsRule {
  const fields = { headers: SENT, exposed: EXPOSED, maxAgeSeconds: MAX_AGE_SECONDS };
  return { id: ID, origins, methods: ["PUT"], ...fields };
}

/** Not every store keeps the names of rules: then it is the one that asks for the same. */
export function isOurs({ id, methods, headers }: CorsRule): boolean {
  if (id !== undefined) return id === ID;
  return methods.join() === "PUT" && headers.map(lower).join() === SENT.join();
}

/** Whether pages may send parts; of any origin where none is named. */
export function lets(rules: readonly CorsRule[], origin?: string): boolean {
  return rules.some(
    ({ origins, methods, headers }) =>
      methods.includes("PUT") &&
      SENT.every((name) => headers.some((pattern) => fits(pattern, name))) &&
      (origin === undefined || origins.some((pattern) => fits(pattern, origin))),
  );
}

/** One `*` stands for anything. */
function fits(pattern: string, text: string): boolean {
  const [before = "", after] = lower(pattern).split("*", 2);
  if (after === undefined) return lower(text) === before;
  const isLongEnough = text.length >= before.length + after.length;
  return isLongEnough && lower(text).startsWith(before) && lower(text).endsWith(after);
}

function lower(text: string): string {
  return text.toLowerCase();
}
