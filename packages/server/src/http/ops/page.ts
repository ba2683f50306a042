// GET /: a page for a person: what this is, how it is doing, what to type. Nothing on it comes from the request.
import { createHash } from "node:crypto";
import type { Principal } from "@holdfast/engine";
import { isHoldfastError } from "@holdfast/protocol";
import type { Call, Front } from "../front.ts";
import { bytesReply, type Headers, type Reply } from "../reply.ts";
import { lookAfterHealth } from "./health.ts";
import { pageStyle } from "./style.ts";

const STYLE_HASH = createHash("sha256").update(pageStyle).digest("base64");
const HEADERS: Headers = {
  "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "cross-origin-resource-policy": "same-origin",
};

export async function getPage(front: Front, { principal }: Call): Promise<Reply> {
  const facts = [...ownFacts(front), ...(await findFacts(front, principal))];
  const page = writePage(front.about.url(), facts, front.about.needsToken());
  return bytesReply(200, "text/html; charset=utf-8", new TextEncoder().encode(page), HEADERS);
}

type Fact = readonly [name: string, value: string];

function ownFacts({ about, isClosing }: Front): readonly Fact[] {
  return [
    ["State", isClosing() ? "shutting down" : "ready"],
    ["Durability", `every answer waits for the ${about.io === "store" ? "store" : "disk"}`],
    KEPT[about.io],
    ["Version", about.version],
  ];
}

const KEPT: Readonly<Record<Front["about"]["io"], Fact>> = {
  direct: ["Disk writes", "direct I/O"],
  buffered: ["Disk writes", "buffered I/O"],
  store: ["Bytes", "in an object store"],
};

/** What all tenants together have is for who administers the server. */
async function findFacts(front: Front, principal: Principal): Promise<readonly Fact[]> {
  if (!(await mayAdminister(front, principal))) return [];
  const health = await lookAfterHealth(front);
  if (!health) return [["Storage", "does not answer; the log says more"]];
  const { open, files, room, damaged } = health;
  return [
    ["Open uploads", open.toLocaleString("en")],
    ["Files", files.toLocaleString("en")],
    ...(damaged === 0 ? [] : [["Files with damaged parts", damaged.toLocaleString("en")] as const]),
    // Nobody knows how much an object store takes.
    ...(front.about.io === "store" ? [] : [["Free room", formatSize(room)] as const]),
    ["Up for", formatDuration(front.clock.monotonic() - front.about.startedAt)],
  ];
}

async function mayAdminister({ policy }: Front, principal: Principal): Promise<boolean> {
  try {
    await policy.decide(principal, "administer", principal);
    return true;
  } catch (error) {
    if (isHoldfastError(error) && error.code === "forbidden") return false;
    throw error;
  }
}

function writePage(url: string, facts: readonly Fact[], needsToken: boolean): string {
  const token = needsToken ? ' -H "Authorization: Bearer $HOLDFAST_TOKEN"' : "";
  const type = "-H 'Content-Type: application/json'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Holdfast</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>Holdfast</h1>
<p class="lead">Moves big files over bad networks and loses nothing. Whatever breaks on the way, the same command again goes on where it stopped.</p>
<section aria-labelledby="doing">
<h2 id="doing">How it is doing</h2>
<dl>
${facts.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join("\n")}
</dl>
</section>
<section aria-labelledby="type">
<h2 id="type">What to type</h2>
${needsToken ? "<p>This server asks for its token: put it into <code>HOLDFAST_TOKEN</code> first.</p>" : ""}
<h3>Upload a file</h3>
${command(`holdfast upload big.iso --to ${url}`)}
<p>It prints the file's address. Interrupted? Run it again.</p>
<h3>Download it, every part verified</h3>
${command(`holdfast download ${url}/v1/files/ID -o big.iso`)}
<h3>Or with curl</h3>
${command(`curl${token} ${type} \\\n  -d '{"name":"hello.txt","size":5}' ${url}/v1/uploads\ncurl${token} -T hello.txt \\\n  -H "Content-Digest: sha-256=:$(openssl dgst -sha256 -binary hello.txt | base64):" \\\n  ${url}/v1/uploads/ID/parts/0\ncurl${token} -X POST ${url}/v1/uploads/ID/complete`)}
</section>
<footer><a href="/livez">/livez</a> <a href="/readyz">/readyz</a></footer>
</main>
</body>
</html>
`;
}

function command(text: string): string {
  return `<pre tabindex="0"><code>${escapeHtml(text)}</code></pre>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

function formatSize(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toLocaleString("en", { maximumFractionDigits: unit === 0 ? 0 : 1 })} ${units[unit]}`;
}

function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const units = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  const shown = first < 0 ? units.slice(-1) : units.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}
