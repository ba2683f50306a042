// What the runner fills in and waits for, with a hand that remembers what it should send.
import { expect, test } from "vitest";
import type { Exchanger, Request } from "./exchange.ts";
import type { Field } from "./message.ts";
import { runRow } from "./run.ts";
import { ask, rowsOf } from "./write.ts";

const url = new URL("http://server.example/files");
const row = rowsOf("test", []);
const offer = { announced: new Set<string>(), sizeMax: 100_000 };

function remember(): { readonly exchange: Exchanger; readonly requests: readonly Request[] } {
  const requests: Request[] = [];
  const answer = { status: 204, fields: [], interim: [], body: "" };
  return {
    requests,
    exchange(request) {
      requests.push(request);
      const outcome = Promise.resolve({ kind: "answer" as const, answer });
      return { sent: request.arrived?.() ?? Promise.resolve(), outcome, close: () => undefined };
    },
  };
}

function half(...fields: readonly Field[]) {
  const sending = { kind: "held", size: 11, name: "first" } as const;
  return row("A1", "MUST", "x", "y", [
    ask("PATCH", "{here}", [["Upload-Offset", "3"], ...fields], [], { body: "hello", sending }),
    ask("HEAD", "{here}", [], []),
  ]);
}

test("what is held is where it was sent to before anything else is asked", async () => {
  const { exchange, requests } = remember();
  const offsets = [0, 3, 7, 8];
  const seen: string[] = [];
  const offsetOf = async () => {
    seen.push(requests.map(({ method }) => method).join());
    return offsets.shift() ?? Number.NaN;
  };
  await runRow(half(), { url, fields: [], exchange, offsetOf }, offer);
  expect(seen).toEqual(["PATCH", "PATCH", "PATCH", "PATCH"]);
  expect(requests.map(({ method }) => method)).toEqual(["PATCH", "HEAD"]);
});

test("bytes that one checksum covers, or of which nobody can tell, are given time", async () => {
  const { exchange, requests } = remember();
  const offsetOf = async () => 0;
  const covered = half(["Upload-Checksum", "sha1 x"]);
  await runRow(covered, { url, fields: [], exchange, offsetOf }, offer);
  await runRow(half(), { url, fields: [], exchange }, offer);
  expect(requests.map(({ arrived }) => arrived)).toEqual(Array(4).fill(undefined));
});

test("what exceeds a server's largest size goes just beyond it", async () => {
  const { exchange, requests } = remember();
  const body = "0123456789".repeat(1_000);
  const steps = [ask("PATCH", "{here}", [], [], { body, sending: { kind: "exceed" } })];
  await runRow(row("A2", "MUST", "x", "y", steps), { url, fields: [], exchange }, offer);
  expect(requests.map(({ sending }) => sending)).toEqual([{ kind: "repeat", times: 11 }]);
});
