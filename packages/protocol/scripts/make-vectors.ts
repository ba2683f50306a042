// Writes the test vectors, and the error table of docs/protocol.md: `npm run vectors`.
import { readFile, writeFile } from "node:fs/promises";
import { PROTOCOL_PAGE, withErrorTable } from "./protocol-page.ts";
import { layOut, VECTORS } from "./vectors/all.ts";

for (const [name, vectors] of VECTORS) {
  await writeFile(new URL(`../vectors/${name}`, import.meta.url), `${layOut(vectors)}\n`);
}
await writeFile(PROTOCOL_PAGE, withErrorTable(await readFile(PROTOCOL_PAGE, "utf8")));
