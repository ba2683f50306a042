// Tells a server to remove what has ended, or asks what would go.
import { decodeSweep, HoldfastError, type SweepReport } from "@holdfast/protocol";
import { type AskOptions, type AskPorts, ask } from "./ask.ts";
import { checkAddress } from "./auth.ts";
import { parseJson } from "./parse-json.ts";

export interface SweepOptions extends AskOptions {
  /** The server's address. */
  readonly to: string;
  /** Only tells; nothing is removed. */
  readonly isDryRun?: boolean;
  /** The server's clock is right, although it has jumped: what has ended by it goes now. */
  readonly isNow?: boolean;
  /** These are all the records that there are: what none of them knows goes too, where it is a day old. */
  readonly takesUnrecorded?: boolean;
}

/** Resolves with what went, or would go. May be repeated. @throws HoldfastError `forbidden` without the scope `admin` */
export async function sweepServer(options: SweepOptions, ports: AskPorts): Promise<SweepReport> {
  const server = checkAddress(options.to, options.token !== undefined);
  const asked = [
    ...(options.isDryRun ? ["dry-run=1"] : []),
    ...(options.isNow ? ["now=1"] : []),
    ...(options.takesUnrecorded ? ["unrecorded=1"] : []),
  ];
  const url = `${server}/v1/sweep${asked.length > 0 ? `?${asked.join("&")}` : ""}`;
  return ask(
    { method: "POST", url },
    async (answer) => {
      const text = await answer.text();
      try {
        return decodeSweep(parseJson(text));
      } catch (cause) {
        throw new HoldfastError("not_holdfast", "the answer is no report of a sweep", {}, cause);
      }
    },
    options,
    ports,
  );
}
