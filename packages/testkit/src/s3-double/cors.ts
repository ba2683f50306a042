// What a browser on another origin may do, by the bucket's CORS document.
import type { Bucket } from "./bucket.ts";
import type { SignedRequest } from "./sign.ts";
import { insideAll, textIn } from "./xml.ts";

/** Header fields of the answer; none where no rule fits. */
export function corsHeaders(
  { settings }: Bucket,
  { method, headers }: SignedRequest,
): Record<string, string> {
  const origin = headers.get("origin");
  if (origin === undefined) return {};
  const asked = headers.get("access-control-request-method") ?? method;
  const wanted = (headers.get("access-control-request-headers") ?? "")
    .split(",")
    .map((name) => name.trim());
  for (const rule of insideAll(settings.get("cors") ?? "", "CORSRule")) {
    const allowed = insideAll(rule, "AllowedHeader");
    const isAllowed = (name: string) =>
      name === "" || allowed.some((pattern) => fits(pattern, name));
    if (!insideAll(rule, "AllowedOrigin").some((pattern) => fits(pattern, origin))) continue;
    if (!insideAll(rule, "AllowedMethod").includes(asked) || !wanted.every(isAllowed)) continue;
    return {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": insideAll(rule, "AllowedMethod").join(", "),
      "access-control-allow-headers": wanted.join(", "),
      "access-control-expose-headers": insideAll(rule, "ExposeHeader").join(", "),
      "access-control-max-age": textIn(rule, "MaxAgeSeconds") ?? "0",
    };
  }
  return {};
}

/** One `*` stands for anything. */
function fits(pattern: string, text: string): boolean {
  const [before = "", after] = pattern.toLowerCase().split("*", 2);
  const lower = text.toLowerCase();
  if (after === undefined) return lower === before;
  return (
    lower.length >= before.length + after.length &&
    lower.startsWith(before) &&
    lower.endsWith(after)
  );
}
