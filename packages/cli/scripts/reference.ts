// Writes the pages that are made of the command line itself: the manual page and the page about the configuration.
import { writeFile } from "node:fs/promises";
import { manualPage } from "../src/manual.ts";
import { createProgram } from "../src/program.ts";
import { configurationPage } from "../src/settings/page.ts";

const DOCS = new URL("../../../docs/", import.meta.url);

await writeFile(new URL("holdfast.1", DOCS), manualPage(createProgram()));
await writeFile(new URL("configuration.md", DOCS), configurationPage());
