// Requests of one principal at a time: its own limit for those that bring bytes, the server's for all.
import { describe, expect, it } from "vitest";
import { createInFlight } from "./in-flight.ts";

const alice = { id: "alice", tenant: "a" };
const refused = expect.objectContaining({ code: "too_many_requests" });

describe("requests in flight", () => {
  it("are counted by principal, and leave once", () => {
    const inFlight = createInFlight(2);
    const leave = inFlight.enter(alice, "words");
    inFlight.enter(alice, "bytes");
    expect(() => inFlight.enter(alice, "words")).toThrow(refused);
    inFlight.enter({ id: "bob", tenant: "a" }, "words");
    inFlight.enter({ id: "alice", tenant: "b" }, "words");
    leave();
    inFlight.enter(alice, "words");
  });

  it("that bring bytes keep to the principal's own limit, and a refused one counts for nothing", () => {
    const inFlight = createInFlight(3);
    const limited = { ...alice, limits: { partsInFlightMax: 1 } };
    const leave = inFlight.enter(limited, "bytes");
    for (let count = 0; count < 10; count++) {
      expect(() => inFlight.enter(limited, "bytes")).toThrow(refused);
    }
    inFlight.enter(limited, "words");
    leave();
    inFlight.enter(limited, "bytes");
  });

  it("by links are counted by themselves", () => {
    const inFlight = createInFlight(1);
    inFlight.enter(alice, "link");
    expect(() => inFlight.enter(alice, "link")).toThrow(refused);
    inFlight.enter(alice, "words");
  });

  it("whose replies take their time count on, and are not refused any more", () => {
    const inFlight = createInFlight(1);
    const leaves = [inFlight.stay(alice, "words"), inFlight.stay(alice, "words")];
    expect(() => inFlight.enter(alice, "words")).toThrow(refused);
    for (const leave of leaves) leave();
    inFlight.enter(alice, "words");
  });
});
