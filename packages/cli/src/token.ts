// `holdfast token`: makes, lists and revokes the tokens of a data directory.
import { HoldfastError } from "@holdfast/protocol";
import { Command } from "commander";
import { parseDuration } from "./durations.ts";
import { MORE_OPTIONS } from "./help.ts";
import { jsonLines } from "./json.ts";
import { readSettings, withSettings } from "./settings/options.ts";
import { parseSize } from "./sizes.ts";
import { printable } from "./terminal.ts";

interface Place {
  readonly json?: true;
}

const PLACE_SETTINGS = ["serve.data"] as const;

interface CreateOptions extends Place {
  readonly name: string;
  readonly scope: string;
  readonly tenant: string;
  readonly principal?: string;
  readonly expires?: number;
  readonly sizeMax?: number;
  readonly openMax?: number;
  readonly bytesMax?: number;
  readonly inFlightMax?: number;
}

const HELP = `
Example:
  holdfast token create --name laptop --scope read,write --expires 90d
  holdfast token list
  holdfast token revoke k3mzq7aa

A server that runs on the same directory sees a change within a second. With the
first token it asks everybody for one, also on this machine.`;

const CREATE_HELP = `
Example:
  holdfast token create --name laptop --scope read,write --expires 90d

Scopes: read (files and links), write (uploads, delete), admin (everything).
What belongs to one tenant does not exist for another. The token is printed
once, alone on standard output, and stored nowhere.`;

export function tokenCommand(): Command {
  const command = new Command("token")
    .description("make, list and revoke the tokens of a server")
    .addHelpText("after", HELP);
  const commands = [createCommand(), listCommand(), revokeCommand()];
  for (const one of commands) command.addCommand(one);
  return command.helpCommand(false);
}

function createCommand(): Command {
  return placed(new Command("create"))
    .description("make a token and print it, this once")
    .option("--name <name>", "what people call it", "")
    .option("--scope <scopes>", "read, write, admin; several with commas", "read,write")
    .option("--expires <time>", "it ends after this time, such as 12h or 90d", parseDuration)
    .optionsGroup(MORE_OPTIONS)
    .option("--tenant <tenant>", "whose data it is", "local")
    .option("--principal <principal>", "who acts with it; by default its name or id")
    .option("--size-max <size>", "largest upload, such as 50G", parseSize)
    .option("--open-max <count>", "uploads that may be open at once", parseCount)
    .option("--bytes-max <size>", "bytes of files and uploads together", parseSize)
    .option("--in-flight-max <count>", "parts that may be on their way at once", parseCount)
    .addHelpText("after", CREATE_HELP)
    .action(runCreate);
}

function listCommand(): Command {
  return placed(new Command("list"))
    .description("list the tokens")
    .addHelpText("after", "\nExample:\n  holdfast token list --data /srv/holdfast")
    .action(runList);
}

function revokeCommand(): Command {
  return placed(new Command("revoke").argument("<id>", "the token's id, the middle part of it"))
    .description("end a token, and everything that was signed for it")
    .addHelpText("after", "\nExample:\n  holdfast token revoke k3mzq7aa")
    .action(runRevoke);
}

function placed(command: Command): Command {
  return withSettings(command, PLACE_SETTINGS).option(
    "--json",
    "print one JSON object a line on standard output",
  );
}

async function dataOf(command: Command): Promise<string> {
  return (await readSettings(command, PLACE_SETTINGS)).required("serve.data");
}

async function runCreate(options: CreateOptions, command: Command): Promise<void> {
  const { createToken, isScope } = await import("@holdfast/server");
  const scopes = options.scope.split(",").map((word) => word.trim());
  const unknown = scopes.find((scope) => !isScope(scope));
  if (unknown !== undefined) {
    throw new HoldfastError("usage", `"${unknown}" is no scope; there are read, write and admin`);
  }
  const { name, tenant, principal, expires, sizeMax, openMax, bytesMax, inFlightMax } = options;
  const { info, token } = createToken(await dataOf(command), {
    name,
    tenant,
    principal,
    scopes: scopes.filter(isScope),
    ttlMs: expires,
    limits: { sizeMax, openMax, bytesMax, partsInFlightMax: inFlightMax },
  });
  if (options.json) {
    jsonLines(process.stdout)({ event: "token", token, ...info });
    return;
  }
  process.stdout.write(`${token}\n`);
  const end = info.expiresAt === undefined ? "without an end" : `until ${dateOf(info.expiresAt)}`;
  process.stderr.write(
    `Token ${info.id} of ${info.principal} in ${info.tenant}: ${info.scopes.join(", ")}, ${end}.
It is not shown again. Clients take it from HOLDFAST_TOKEN.\n`,
  );
}

async function runList({ json }: Place, command: Command): Promise<void> {
  const data = await dataOf(command);
  const { listTokens } = await import("@holdfast/server");
  const tokens = listTokens(data);
  if (json) {
    for (const token of tokens) jsonLines(process.stdout)({ event: "token", ...token });
    return;
  }
  if (tokens.length === 0) process.stderr.write(`There are no tokens in ${data}.\n`);
  const now = Date.now();
  for (const { id, name, tenant, principal, scopes, expiresAt } of tokens) {
    const end =
      expiresAt === undefined
        ? "-"
        : `${expiresAt <= now ? "ended" : "until"} ${dateOf(expiresAt)}`;
    const words = [id, scopes.join(","), `${tenant}/${principal}`, end, printable(name)];
    process.stdout.write(`${words.join("  ")}\n`);
  }
}

async function runRevoke(id: string, { json }: Place, command: Command): Promise<void> {
  const { revokeToken } = await import("@holdfast/server");
  const left = revokeToken(await dataOf(command), id);
  if (json) jsonLines(process.stdout)({ event: "revoked", id, left });
  else process.stderr.write(revokedText(left));
}

function revokedText(left: number): string {
  if (left > 0) return "Revoked; a server that runs refuses it within a second.\n";
  return "Revoked, and it was the last one: until there is another, only HOLDFAST_TOKEN opens this server.\n";
}

function dateOf(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new HoldfastError("usage", `"${text}" is not a number from 1 on`);
}
