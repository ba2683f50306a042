// The little XML that the double reads and writes.

export type Xml =
  | string
  | number
  | boolean
  | readonly Xml[]
  | { readonly [name: string]: Xml | undefined };

/** A document. An array repeats its element; what is undefined is not there. */
export function xmlOf(name: string, content: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, content)}`;
}

function element(name: string, content: Xml): string {
  if (Array.isArray(content)) return content.map((each: Xml) => element(name, each)).join("");
  return `<${name}>${inside(content)}</${name}>`;
}

function inside(content: Xml): string {
  if (typeof content !== "object") return escapeXml(String(content));
  return Object.entries(content)
    .map(([name, each]) => (each === undefined ? "" : element(name, each)))
    .join("");
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** What stands in every element of that name, with its entities as they came. */
export function insideAll(document: string, name: string): readonly string[] {
  const pattern = new RegExp(`<${name}(?: [^>]*)?>([\\s\\S]*?)</${name}>`, "g");
  return [...document.matchAll(pattern)].map(([, content = ""]) => content);
}

/** The text of the first element of that name. */
export function textIn(document: string, name: string): string | undefined {
  const [content] = insideAll(document, name);
  return content?.replace(/&(quot|amp|lt|gt|#34);/g, (_, entity: string) => ENTITIES[entity] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  quot: '"',
  "#34": '"',
  amp: "&",
  lt: "<",
  gt: ">",
};
