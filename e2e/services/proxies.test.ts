// The samples of examples/proxies, as they are but for the ports: what passes without a proxy passes through it, but for what no proxy hands on.
import { readFile } from "node:fs/promises";
import { startCaddyWith } from "@holdfast/testkit/services/caddy";
import { startNginxWith } from "@holdfast/testkit/services/nginx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ours, startOurs } from "../conformance/ours.ts";
import { lineOf } from "../conformance/report.ts";
import { runSuite, SUITES } from "../conformance/suite.ts";

interface Proxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** Trailers end at a proxy: such a PATCH is refused. Holdfast sends no 104 through one. What asks the server as a whole asks the proxy. */
const LOST: Readonly<Record<keyof Ours["urls"], readonly string[]>> = {
  tus: ["K3a"],
  ranges: [],
  rufh: ["R16c", "R5a", "R7a"].flatMap((id) => [`${id}/8`, `${id}/9`]),
};

async function sampleOf(name: string, changes: Readonly<Record<string, string>>): Promise<string> {
  const text = await readFile(new URL(`../../examples/proxies/${name}`, import.meta.url), "utf8");
  return Object.entries(changes).reduce((changed, [from, to]) => {
    if (!changed.includes(from)) throw new Error(`${name} has no ${from} to be changed`);
    return changed.replaceAll(from, to);
  }, text);
}

const PROXIES: Readonly<Record<string, (upstream: string) => Promise<Proxy>>> = {
  async nginx(upstream) {
    const marks = { "127.0.0.1:8420": upstream, "listen 80;": "listen PORT;" };
    const sample = await sampleOf("nginx.conf", marks);
    return startNginxWith((port) => sample.replace("PORT", `127.0.0.1:${port}`));
  },
  async Caddy(upstream) {
    const marks = { "127.0.0.1:8420": upstream, ":80 {": "ADDRESS {" };
    const sample = await sampleOf("Caddyfile", marks);
    return startCaddyWith((address) => sample.replace("ADDRESS", address));
  },
};

describe.concurrent.each(Object.entries(PROXIES))("through %s", (_, start) => {
  let ours: Ours | undefined;
  let proxy: Proxy | undefined;
  beforeAll(async () => {
    ours = await startOurs();
    proxy = await start(new URL(ours.urls.tus).host);
  });
  afterAll(async () => {
    await proxy?.stop();
    await ours?.stop();
  });

  test.each(SUITES)(
    "$title is what it is without",
    async (suite) => {
      const { pathname } = new URL(ours?.urls[suite.name] ?? "");
      const { fields, offsetOf } = ours ?? {};
      const results = await runSuite(suite, `${proxy?.url}${pathname}`, {
        ...{ fields, offsetOf },
      });
      const of = (kind: (typeof results)[number]["verdict"]["kind"]) =>
        results.filter(({ verdict }) => verdict.kind === kind);
      const lost = LOST[suite.name];
      const isLost = ({ row }: (typeof results)[number]) => lost.includes(row.id);
      expect(
        of("failed")
          .filter((one) => !isLost(one))
          .map(lineOf),
      ).toEqual([]);
      expect(of("failed").map(({ row }) => row.id)).toEqual(lost);
      const isAbsent = /^(?:E1c|K2e|X3b|R5[bcdf]\/\d|R7c\/\d)$/;
      expect(of("notOffered").filter(({ row }) => !isAbsent.test(row.id))).toEqual([]);
    },
    180_000,
  );
});
