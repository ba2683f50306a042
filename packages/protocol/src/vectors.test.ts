// The committed vectors are what the generator makes, and all of them.
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { layOut, VECTORS } from "../scripts/vectors/all.ts";
import { vectorText } from "../scripts/vectors/load.ts";

describe("vectors", () => {
  it("are one file for each maker, and no other", () => {
    const files = readdirSync(new URL("../vectors/", import.meta.url));
    expect(files.filter((name) => name.endsWith(".json")).sort()).toEqual([...VECTORS.keys()]);
  });

  it.each([...VECTORS])("%s is what `npm run vectors` writes", (name, vectors) => {
    expect(vectorText(name)).toBe(`${layOut(vectors)}\n`);
    expect(JSON.parse(vectorText(name))).toEqual(JSON.parse(JSON.stringify(vectors)));
  });

  it.each([...VECTORS.keys()])("%s is explained in the README", (name) => {
    expect(vectorText("README.md")).toContain(`\`${name}\``);
  });
});
