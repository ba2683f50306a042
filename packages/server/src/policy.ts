// One token, or none: who may come in.
import { createHash, timingSafeEqual } from "node:crypto";
import type { Policy, Principal } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";

const LOCAL: Principal = { id: "local", tenant: "local" };

/** Without a token everybody is the one principal; with it, whoever sends it. */
export function createTokenPolicy(token?: string): Policy {
  const expected = token === undefined ? undefined : sha256(token);
  return {
    async authenticate(authorization) {
      if (!expected) return LOCAL;
      const sent = /^Bearer[ ]+([^ ]+)[ ]*$/i.exec(authorization ?? "")?.[1];
      // Digests have one length, and so the comparison takes one time, whatever was sent.
      if (!timingSafeEqual(sha256(sent ?? ""), expected)) throw new HoldfastError("unauthorized");
      return LOCAL;
    },
    async recall() {
      return LOCAL;
    },
    async decide(principal, _action, { tenant }) {
      if (principal.tenant !== tenant) throw new HoldfastError("forbidden");
    },
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
