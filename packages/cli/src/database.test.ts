import { describe, expect, it } from "vitest";
import { parseDatabase, requireNoPassword, shownDatabase } from "./database.ts";

const BARE = "postgres://holdfast@db.example:5433/files?schema=a";

describe("the address of a database", () => {
  it.each([
    [BARE, BARE],
    ["postgresql:///files?host=/run/postgresql", "postgresql:///files?host=/run/postgresql"],
    ["postgres://u:p%40:q@h/d", "postgres://u:***@h/d"],
    ["postgres://h/d?user=u&password=p%26q&x=1", "postgres://h/d?user=u&password=***&x=1"],
  ])("%s is shown without its password", (address, shown) => {
    expect(shownDatabase(parseDatabase(address))).toBe(shown);
  });

  it.each(["mysql://u:secret@h/d", "db.example/secret", "", "postgres//u:secret@h"])(
    "%s is refused, and not repeated",
    (text) => {
      expect(() => parseDatabase(text)).toThrow(/^not the address of a PostgreSQL$/);
    },
  );

  it("is taken from a command line only without a password", () => {
    expect(() => requireNoPassword(BARE, "--metadata")).not.toThrow();
    for (const address of ["postgres://u:p@h/d", "postgres://h/d?password=p"]) {
      expect(() => requireNoPassword(address, "--metadata")).toThrow("--metadata: there is a");
    }
  });
});
