// What is wrong, or not as it should be, with the configuration file and the environment.
import { stat } from "node:fs/promises";
import { isHoldfastError, nearestOf } from "@holdfast/protocol";
import { hasPassword } from "./database.ts";
import { hintOf } from "./hint.ts";
import { type ConfigFile, placeOf } from "./settings/file.ts";
import { type Settings, type Sources, settingsOf } from "./settings/resolve.ts";
import { layersOf, SETTING_NAMES, variableOf } from "./settings/table.ts";
import { readToken } from "./settings/token.ts";

export interface Finding {
  readonly level: "error" | "warning";
  readonly where: string;
  readonly message: string;
  readonly hint: string;
}

/** Variables that are no settings. */
const OTHER_VARIABLES: readonly string[] = ["HOLDFAST_LIFELINE_FD"];

export async function configChecks(
  sources: Sources,
  file: ConfigFile | undefined,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { line, message, hint } of file?.problems ?? []) {
    findings.push({ level: "error", where: placeOf(file?.path ?? "", line), message, hint });
  }
  findings.push(...unknownVariables(sources));
  const profiles = [undefined, ...(file?.profiles.keys() ?? [])];
  const seen = new Set(findings.map(({ message }) => message));
  for (const profile of profiles) {
    for (const finding of await checkProfile(sources, file, profile)) {
      if (!seen.has(finding.message)) findings.push(finding);
      seen.add(finding.message);
    }
  }
  return findings;
}

function unknownVariables({ env }: Sources): readonly Finding[] {
  const known = SETTING_NAMES.filter((name) => layersOf(name).includes("environment"));
  const variables = [...known.map(variableOf), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((name) => name.startsWith("HOLDFAST_") && !variables.includes(name))
    .map((name) => {
      const near = nearestOf(name, variables);
      const hint = near ? `Did you mean ${near}?` : "No command reads it.";
      return { level: "warning", where: name, message: `there is no variable ${name}`, hint };
    });
}

/** Without a name, what holds where no profile is asked for. */
async function checkProfile(
  sources: Sources,
  file: ConfigFile | undefined,
  profile: string | undefined,
): Promise<readonly Finding[]> {
  const flags = new Map(sources.flags);
  if (profile !== undefined) flags.set("profile", profile);
  try {
    const settings = settingsOf({ ...sources, flags }, file);
    return [
      ...(await checkTokenFile(settings, "token-file")),
      ...(await checkTokenFile(settings, "serve.token-file")),
      ...(await checkDatabase(settings)),
    ];
  } catch (error) {
    return [asFinding(error, profile === undefined ? "settings" : `profile ${profile}`)];
  }
}

async function checkTokenFile(
  settings: Settings,
  name: "token-file" | "serve.token-file",
): Promise<readonly Finding[]> {
  const setting = settings.of(name);
  try {
    await readToken(settings, name);
    return setting ? await checkRights(String(setting.value), setting.from) : [];
  } catch (error) {
    return [asFinding(error, setting?.from ?? "HOLDFAST_TOKEN")];
  }
}

/** A password in the configuration file makes that a secret. */
async function checkDatabase(settings: Settings): Promise<readonly Finding[]> {
  const setting = settings.of("serve.metadata");
  const isInFile = setting?.layer === "file" || setting?.layer === "profile";
  if (!isInFile || !hasPassword(String(setting.value))) return [];
  return settings.path === undefined ? [] : checkRights(settings.path, setting.from);
}

async function checkRights(path: string, where: string): Promise<readonly Finding[]> {
  const found = await stat(path).catch(() => undefined);
  // Windows keeps rights elsewhere.
  if (!found || process.platform === "win32" || (found.mode & 0o077) === 0) return [];
  const message = `${path} can be read by others on this machine`;
  return [{ level: "warning", where, message, hint: `Run: chmod 600 ${path}` }];
}

function asFinding(error: unknown, where: string): Finding {
  if (!isHoldfastError(error)) throw error;
  return { level: "error", where, message: error.message, hint: hintOf(error) };
}
