// Every implementation that may be chosen gives the published values, in whatever pieces the bytes come.
import { createRandom } from "@holdfast/testkit/random";
import { describe, expect, it } from "vitest";
import { createBlake3, loadNativeBlake3, loadWasmBlake3 } from "./blake3.ts";
import { crc32c, createTableCrc32c, loadNativeCrc32c } from "./crc32c.ts";

/** From the test vectors of BLAKE3: the input is the bytes 0, 1, .. 250, 0, 1, .. */
const BLAKE3: readonly (readonly [size: number, hex: string])[] = [
  [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
  [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
  [1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"],
  [102_400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"],
];

function input(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => at % 251);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const native = await loadNativeBlake3();
const wasm = await loadWasmBlake3();

describe.each([
  { how: "as it is chosen", create: createBlake3 },
  { how: "in WebAssembly", create: wasm },
  ...(native ? [{ how: "in native code", create: native }] : []),
])("BLAKE3 $how", ({ create }) => {
  it.each(BLAKE3)("of %i bytes", (size, expected) => {
    const running = create();
    for (let at = 0; at < size; at += 1000) running.update(input(size).subarray(at, at + 1000));
    expect(hex(running.snapshot())).toBe(expected);
    expect(hex(running.digest())).toBe(expected);
  });

  it("keeps several apart, and goes on after a snapshot", () => {
    const [one, other] = [create(), create()];
    one.update(input(500));
    other.update(input(7));
    one.snapshot();
    one.update(input(1025).subarray(500));
    expect(hex(one.digest())).toBe(BLAKE3[3]?.[1]);
    expect(hex(other.digest())).not.toBe(hex(one.digest()));
  });
});

const nativeCrc = await loadNativeCrc32c();

describe.each([
  { how: "as it is chosen", sum: crc32c },
  { how: "by tables", sum: createTableCrc32c() },
  ...(nativeCrc ? [{ how: "in native code", sum: nativeCrc }] : []),
])("CRC32C $how", ({ sum }) => {
  it("has the values of RFC 3720", () => {
    expect(sum(new Uint8Array(32), 0)).toBe(0x8a9136aa);
    expect(sum(new Uint8Array(32).fill(0xff), 0)).toBe(0x62a8ab43);
    expect(
      sum(
        Uint8Array.from({ length: 32 }, (_, at) => at),
        0,
      ),
    ).toBe(0x46dd794e);
    expect(sum(new TextEncoder().encode("123456789"), 0)).toBe(0xe3069283);
    expect(sum(new Uint8Array(), 0)).toBe(0);
  });

  it("goes on from where it was", () => {
    const bytes = createRandom("crc").bytes(1000);
    const whole = sum(bytes, 0);
    for (const at of [0, 1, 7, 8, 500, 999, 1000]) {
      expect(sum(bytes.subarray(at), sum(bytes.subarray(0, at), 0))).toBe(whole);
    }
  });
});
