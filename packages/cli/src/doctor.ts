// `holdfast doctor`: examines a server and everything on the way to it, and says what to put right.
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { parseServerAddress } from "./addresses.ts";
import type { Finding } from "./doctor/finding.ts";
import { examineStorage, examineStorages, exitOfSetting } from "./doctor/storage.ts";
import { diagnosisText, findingText } from "./doctor-text.ts";
import { Ended } from "./ended.ts";
import { EXIT } from "./exit-codes.ts";
import { jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { pairsOf } from "./settings/pairs.ts";
import type { Settings } from "./settings/resolve.ts";
import { readToken } from "./settings/token.ts";
import { parseSize } from "./sizes.ts";
import { createTerminal } from "./terminal.ts";

interface Options {
  readonly origin?: string;
  readonly storage?: string | true;
  readonly maxBody?: number;
  readonly json?: true;
}

const BODY_MAX = 64 * 1024 ** 2;
const DOCTOR_SETTINGS = ["to", "token-file"] as const;

const HELP = `
Examples:
  holdfast doctor https://files.example.org
  holdfast doctor --storage "s3://files?region=eu-central-1"

It removes again what it uploads (73 MiB at most). Exit codes: 0 it works, 5
nobody is there, 77 not allowed, 1 something else must be put right.`;

export function doctorCommand(): Command {
  const command = new Command("doctor")
    .summary("examine a server and the way to it")
    .description("examine a server and the way to it: what is wrong, and what to put right")
    .argument("[url]", "address of the server (default: --to)", parseServerAddress);
  return withSettings(command, DOCTOR_SETTINGS)
    .option("--origin <origin>", "ask also whether pages of this origin may use it")
    .option("--storage [address]", "examine a bucket instead, or all that serve is given")
    .option("--max-body <size>", "largest body to try, such as 8M (default: 64M)", parseSize)
    .option("--json", "print one JSON object a line on standard output")
    .addHelpText("after", HELP)
    .action(runDoctor);
}

async function runDoctor(
  address: string | undefined,
  options: Options,
  command: Command,
): Promise<void> {
  const settings = await readSettings(command, DOCTOR_SETTINGS);
  const { storage, origin, json } = options;
  if (storage !== undefined && address !== undefined) {
    throw new HoldfastError("usage", "a server and a storage are examined one after the other", {
      hint: "Leave one of them out.",
    });
  }
  const examination =
    storage === undefined
      ? examineServer(address, options, settings)
      : storage === true
        ? examineStorages(await configuredStorages(command), origin)
        : examineStorage(storage, origin);
  const findings = await tell(examination, json === true, settings.text("color"));
  const exit = exitOf(findings);
  if (exit !== EXIT.ok) throw new Ended(exit);
}

/** The buckets that `serve` would keep bytes in, by their names. */
async function configuredStorages(command: Command): Promise<ReadonlyMap<string, string>> {
  // The option of this command is another one than that of serve.
  const settings = await readSettings(command, []);
  const first = settings.text("serve.storage");
  const named = pairsOf(settings, "serve.storages");
  if (first !== undefined) return new Map([["storage", first], ...Object.entries(named)]);
  throw new HoldfastError("usage", "no bucket is configured", {
    hint: "Name one: --storage s3://BUCKET/PREFIX, or set HOLDFAST_STORAGE.",
  });
}

async function* examineServer(
  address: string | undefined,
  { origin, maxBody = BODY_MAX }: Options,
  settings: Settings,
): AsyncGenerator<Finding> {
  const base = baseOf(address ?? settings.required("to"));
  const token = await readToken(settings, "token-file");
  // Node's HTTP and TLS, which these bring along, are half of the start of every other command.
  const [{ examine }, { createPatient }, { isLoopback }] = await Promise.all([
    import("./doctor/examine.ts"),
    import("./doctor/patient.ts"),
    import("./doctor/reach.ts"),
  ]);
  // What is not encrypted gets no token; the certificate's check says so.
  const isPrivate = base.protocol === "https:" || isLoopback(base);
  const patient = createPatient(base, {
    token: isPrivate ? token : undefined,
    origin,
    bodyMax: maxBody,
  });
  try {
    yield* examine(patient);
  } finally {
    patient.agent.destroy();
  }
}

async function tell(
  examination: AsyncIterable<Finding>,
  isJson: boolean,
  color: string | undefined,
): Promise<readonly Finding[]> {
  const write = jsonLines(process.stdout);
  const terminal = createTerminal(process.stdout, process.env, color);
  const findings: Finding[] = [];
  for await (const finding of examination) {
    findings.push(finding);
    if (isJson) write({ event: "check", ...finding });
    else process.stdout.write(findingText(finding, terminal));
  }
  if (isJson) {
    const count = (level: string): number => findings.filter((one) => one.level === level).length;
    write({
      event: "diagnosis",
      ok: count("ok"),
      warnings: count("warn"),
      failures: count("fail"),
    });
  } else process.stdout.write(diagnosisText(findings));
  return findings;
}

function baseOf(address: string): URL {
  const base = URL.parse(address);
  if (base && /^https?:$/.test(base.protocol)) return base;
  throw new HoldfastError("usage", "not an http or https address", {
    hint: "It begins with https:// or http://.",
  });
}

function exitOf(findings: readonly Finding[]): number {
  const failed = findings.find(({ level }) => level === "fail");
  if (!failed) return EXIT.ok;
  if (failed.setting !== undefined) return exitOfSetting(failed.setting) ?? EXIT.other;
  if (failed.check === "dns" || failed.check === "tcp") return EXIT.gaveUp;
  return failed.check === "auth" ? EXIT.auth : EXIT.other;
}
