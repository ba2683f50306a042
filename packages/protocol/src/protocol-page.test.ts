// docs/protocol.md cannot rot: its error table, its examples and its numbers are those of the code.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { PROTOCOL_PAGE, withErrorTable } from "../scripts/protocol-page.ts";
import { decodeProblem, encodeProblem } from "./problem.ts";
import { METADATA_BYTES_MAX, METADATA_ENTRIES_MAX, NAME_BYTES_MAX } from "./text.ts";
import { decodeCreate, decodeUpload, UPLOAD_STATES } from "./upload.ts";

const page = readFileSync(PROTOCOL_PAGE, "utf8");

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, text = ""]) => text,
  );
}

/** Formatters pad tables: that changes nothing of what they say. */
function unpadded(text: string): string {
  return text.replace(/ +/g, " ").replace(/-{3,}/g, "---").replace(/\n+/g, "\n");
}

describe("docs/protocol.md", () => {
  it("has the error table as it is (else run `npm run vectors`)", () => {
    expect(unpadded(withErrorTable(page))).toBe(unpadded(page));
    expect(page).toContain("| `part_conflict` | 409 | never |");
  });

  it("cannot lose the place of its error table", () => {
    expect(() => withErrorTable("# no place")).toThrow("no place");
  });

  it("has examples that the codecs take", () => {
    const [create = "", upload = "", problem = ""] = blocks("json");
    expect(decodeCreate(JSON.parse(create)).name).toBe("video.mp4");
    expect(decodeUpload(JSON.parse(upload)).state).toBe("open");
    const error = decodeProblem(JSON.parse(problem));
    expect(error && encodeProblem(error)).toEqual(JSON.parse(problem));
    expect(blocks("json")).toHaveLength(3);
  });

  it("tells the limits and the states that hold", () => {
    expect(page).toContain(`at most ${NAME_BYTES_MAX} bytes`);
    expect(page).toContain(
      `at most ${METADATA_ENTRIES_MAX} of them and ${METADATA_BYTES_MAX / 1024} KiB`,
    );
    for (const state of UPLOAD_STATES) expect(page).toContain(`\`${state}\``);
  });

  it("has one transcript, which stops at the first error and asks HOLDFAST_URL", () => {
    const [transcript = ""] = blocks("sh");
    expect(blocks("sh")).toHaveLength(1);
    expect(transcript.startsWith("set -eu\n")).toBe(true);
    expect(transcript).toContain("HOLDFAST_URL:-http://127.0.0.1:8420}");
  });
});
