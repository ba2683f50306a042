// The error table of docs/protocol.md, made from the one table there is.
import { ERRORS } from "../src/index.ts";

export const PROTOCOL_PAGE: URL = new URL("../../../docs/protocol.md", import.meta.url);

const PLACE = /(<!-- errors[^>]*-->\n)[\s\S]*?(<!-- \/errors -->)/;

/** The page with its error table as it must be now. */
export function withErrorTable(page: string): string {
  if (!PLACE.test(page)) throw new Error("docs/protocol.md has no place for the error table");
  return page.replace(PLACE, (_, begin: string, end: string) => `${begin}${errorTable()}\n${end}`);
}

function errorTable(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retry, title, hint }]) =>
      `| \`${code}\` | ${status || "-"} | ${retry} | ${title} | ${hint} |`,
  );
  return [
    "| code | status | again | what | what to do |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
