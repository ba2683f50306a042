// `npm run services [postgres] [seaweed] [nginx]`: starts what tests and examples need beside Holdfast, prints where it is, and ends it on Ctrl-C.
import { startNginx } from "@holdfast/testkit/services/nginx";
import { startPostgres } from "@holdfast/testkit/services/postgres";
import { startSeaweed } from "@holdfast/testkit/services/seaweed";

interface Started {
  readonly address: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** `nginx:host:port,host:port` names what it stands before. */
const SERVICES: Readonly<Record<string, (words: string) => Promise<Started>>> = {
  async postgres() {
    const { url, stop } = await startPostgres();
    return { address: { url }, stop };
  },
  async seaweed() {
    const { url, accessKeyId, secretAccessKey, stop } = await startSeaweed();
    return { address: { url, accessKeyId, secretAccessKey }, stop };
  },
  async nginx(upstreams) {
    const { url, stop } = await startNginx(upstreams === "" ? [] : upstreams.split(","));
    return { address: { url }, stop };
  },
};

const asked = process.argv.slice(2);
const names = asked.length === 0 ? Object.keys(SERVICES) : asked;
const started: Started[] = [];

async function stopAll(): Promise<void> {
  await Promise.all(started.splice(0).map(({ stop }) => stop()));
}

async function start(word: string): Promise<readonly [string, Started["address"]]> {
  const [name = "", ...rest] = word.split(":");
  const begin = SERVICES[name];
  if (!begin) throw new Error(`no service is called ${name}: ${Object.keys(SERVICES).join(", ")}`);
  const service = await begin(rest.join(":"));
  started.push(service);
  return [name, service.address];
}

let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    isEnding = true;
    void stopAll();
  });
}
const outcomes = await Promise.allSettled(names.map(start));
const failed = outcomes.filter((outcome) => outcome.status === "rejected");
if (failed.length > 0 || isEnding) {
  for (const { reason } of failed) {
    console.error(`services: ${reason instanceof Error ? reason.message : reason}`);
  }
  if (failed.length > 0) process.exitCode = 1;
  await stopAll();
} else {
  const addresses = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  console.log(JSON.stringify({ event: "started", ...Object.fromEntries(addresses) }));
}
