// Calls the server that a file is to come from, where the words of the command say it at first sight.
import { callAhead } from "@holdfast/client/node/ahead";

/** With these nothing is fetched. */
const TELLING: readonly string[] = ["--dry-run", "--help", "-h"];

/** Whatever is wrong with the words, whoever reads them all tells: until then, all that has happened is a connection over which nothing was sent. */
export async function callServer([command, ...words]: readonly string[]): Promise<void> {
  if (command !== "download" || TELLING.some((word) => words.includes(word))) return;
  const address = words.find((word) => word.startsWith("http://"));
  if (address !== undefined) await callAhead(address);
}
