import { describe, expect, it } from "vitest";
import { stopSignals } from "./interrupt.ts";

describe("SIGHUP", () => {
  it.each([0, 1, 2])("asks to stop where descriptor %d is a terminal", (terminal) => {
    expect(stopSignals((fd) => fd === terminal)).toEqual(["SIGINT", "SIGTERM", "SIGHUP"]);
  });

  it("asks for nothing where there is no terminal, as under nohup", () => {
    expect(stopSignals(() => false)).toEqual(["SIGINT", "SIGTERM"]);
  });
});
