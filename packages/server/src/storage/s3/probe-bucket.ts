// What a bucket is set to: whether pages may send parts, and whether what nobody ends comes to an end.
import { lets } from "./cors-rules.ts";
import { type Explanation, explain } from "./explain.ts";
import { type Finding, limited, yes } from "./finding.ts";
import type { ProbeOptions } from "./probe.ts";

export async function lookAtCors({ calls, origin }: ProbeOptions): Promise<Finding> {
  const pages = origin === undefined ? "pages" : `pages of ${origin}`;
  const page = origin ?? "https://page.example";
  const means = `Their uploads go through the server.`;
  const remedy = `holdfast storage init ... --origins ${page}`;
  try {
    const rules = (await calls.bucket.cors()) ?? [];
    if (lets(rules, origin)) return yes("cors", `${pages} may send parts`);
    return limited("cors", { says: `${pages} may not send parts`, remedy }, means);
  } catch (error) {
    return limited("cors", unknown(error), "Whether pages may send parts is not known.");
  }
}

/** An upload that has not been completed by then is lost. */
const DAYS_MIN = 2;

export async function lookAtLifecycle({ calls, prefix }: ProbeOptions): Promise<Finding> {
  const what = "lifecycle";
  const remedy = "holdfast storage init ...";
  try {
    const days = await calls.bucket.stageDays(prefix);
    if (days === undefined) {
      const means = "Parts that a crash leaves behind, and that nobody finds, stay and cost.";
      return limited(what, { says: "no rule ends multipart uploads", remedy }, means);
    }
    const says = `a rule ends multipart uploads ${days === 1 ? "a day" : `${days} days`} after their beginning`;
    if (days >= DAYS_MIN) return yes(what, says);
    const means = "Uploads that take longer are lost, also while they are going on.";
    return limited(what, { says, remedy: "Give that rule more days." }, means);
  } catch (error) {
    return limited(what, unknown(error), "Whether such a rule is there is not known.");
  }
}

/** These rights serve to look, not to work. */
function unknown(error: unknown): Explanation {
  const { says } = explain(error);
  const remedy = "Look with credentials that may read the bucket's settings.";
  return { says, remedy };
}
