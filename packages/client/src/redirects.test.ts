import { describe, expect, it } from "vitest";
import { leadsTo } from "./redirects.ts";

const to = (status: number, location?: string) => ({
  status,
  header: (name: string) => (name === "location" ? location : undefined),
});

describe("where an answer leads", () => {
  it.each([
    ["/b?c#d", "https://a.example/b?c"],
    ["c", "https://a.example/x/c"],
    ["//b.example/", "https://b.example/"],
  ])("by %s is %s", (location, url) => {
    expect(leadsTo(to(302, location), "https://a.example/x/y")).toBe(url);
  });

  it.each([200, 206, 300, 304, 404])("is nowhere with %i", (status) => {
    expect(leadsTo(to(status, "/b"), "https://a.example/")).toBeUndefined();
  });

  it.each([
    undefined,
    "",
    "http://a.example/",
    "file:///etc/passwd",
    "https://a:b@c.example/",
    "//",
  ])("is refused with %s", (location) => {
    const asked = () => leadsTo(to(307, location), "https://a.example/");
    expect(asked).toThrow(expect.objectContaining({ code: "wrong_address" }));
  });

  it("may leave the clear for TLS", () => {
    expect(leadsTo(to(301, "https://a.example/"), "http://a.example/")).toBe("https://a.example/");
  });
});
