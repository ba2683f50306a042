// Chunks of a reply without a size (RFC 9112 section 7.1), for bytes that the kernel sends past Node: the head of a chunk goes before them and says how many it has. Those that the kernel does not send come by Node, without a head of their own. The end of the chunk goes at once, since some clients wait for it, or with whatever comes next.
import { withLibc } from "../libc.ts";

export interface Chunks {
  /** Bytes that the kernel may send now; 0 where not even the head of a chunk went. */
  begin(descriptor: number, size: number): number;
  /** That it has sent, told before anybody else may have the descriptor. */
  took(count: number): void;
  /** What stands around the next bytes of Node's: `lead` before them, and the first `owed` of them are of the chunk that was begun. Asked once for each piece. */
  around(size: number): {
    readonly lead: Uint8Array;
    readonly owed: number;
    readonly end: Uint8Array;
  };
  /** Whether Node's bytes go as they would if there was nothing else. */
  isClear(): boolean;
}

const CRLF: Uint8Array = Buffer.from("\r\n");
const NOTHING = new Uint8Array();

export function createChunks(): Chunks {
  let owed = 0;
  /** What has to go before anything else. */
  let lead: Uint8Array = NOTHING;
  let last = -1;
  return {
    begin(descriptor, size) {
      last = descriptor;
      if (owed === 0) {
        owed = size;
        lead = Buffer.concat([lead, Buffer.from(`${size.toString(16)}\r\n`)]);
      }
      if (lead.length > 0) lead = lead.subarray(sendNow(descriptor, lead, "more"));
      return lead.length > 0 ? 0 : Math.min(owed, size);
    },
    took(count) {
      owed -= count;
      if (owed === 0 && count > 0) lead = CRLF.subarray(sendNow(last, CRLF, "last"));
    },
    around(size) {
      const around = { lead, owed: Math.min(owed, size), end: NOTHING };
      lead = NOTHING;
      if (owed === 0) return around;
      owed -= around.owed;
      return owed > 0 ? around : { ...around, end: CRLF };
    },
    isClear: () => owed === 0 && lead.length === 0,
  };
}

/** send(2): never wait, no signal where the other end is gone; and that more follows at once. */
const FLAGS = { last: 0x40 | 0x4000, more: 0x8000 | 0x40 | 0x4000 } as const;

type Send = (descriptor: number, bytes: Uint8Array, follows: keyof typeof FLAGS) => number;
let send: Send | undefined;

/** How many bytes went. */
const sendNow: Send = (descriptor, bytes, follows) => {
  send ??= withLibc(bindSend) ?? (() => 0);
  return send(descriptor, bytes, follows);
};

function bindSend(ffi: typeof import("node:ffi")): Send {
  const libc = ffi.dlopen(null, {
    send: { return: "int64", arguments: ["int32", "pointer", "uint64", "int32"] },
  }).functions;
  return (descriptor, bytes, follows) =>
    Math.max(0, Number(libc.send(descriptor, bytes, BigInt(bytes.length), FLAGS[follows])));
}
