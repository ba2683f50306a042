// Who the client says it is: a token from a provider that is asked again when the server refuses it.
import { HoldfastError, isHoldfastError } from "@holdfast/protocol";

/** A token, or how to get one; asked again where the server refuses the last. */
export type TokenSource = string | (() => Promise<string>);

export interface Auth {
  /** The token to send, or undefined where there is none. */
  current(): Promise<string | undefined>;
  /** After a 401: true where there is another token than the refused one to try. */
  renew(refused: string): Promise<boolean>;
  /** A question that has not been answered is not waited for any more: the next request asks anew. */
  forget(): void;
}

/** What can stand in a header: anything else is refused here, where the error does not carry the token along. */
const SENDABLE = /^[\x20-\x7e]+$/;

function requireSendable(token: string): string {
  if (SENDABLE.test(token)) return token;
  throw new HoldfastError("usage", "the token is empty or has characters that no header can carry");
}

/** Every request that is refused with the same token shares one question for the next. */
export function createAuth(source: TokenSource | undefined): Auth {
  const fixed = { renew: async () => false, forget: () => undefined };
  if (source === undefined) return { current: async () => undefined, ...fixed };
  if (typeof source === "string") return { current: async () => requireSendable(source), ...fixed };
  let held: Promise<string> | undefined;
  const ask = () => {
    const asked = source().then(requireSendable).catch(unavailable);
    held = asked;
    // A provider that failed once is asked again by the next request.
    asked.catch(() => {
      if (held === asked) held = undefined;
    });
    return asked;
  };
  return {
    current: () => held ?? ask(),
    forget() {
      held = undefined;
    },
    async renew(refused) {
      const before = held;
      if ((await before) !== refused) return true;
      return (await (held === before ? ask() : (held ?? ask()))) !== refused;
    },
  };
}

/** Whoever gives out tokens may be out of reach as the server may: that is no reason to give up. A HoldfastError of the provider's own stands. */
function unavailable(error: unknown): never {
  if (isHoldfastError(error)) throw error;
  throw new HoldfastError("connection_failed", "there is no token to be had", {}, error);
}

/** True where nobody beyond this machine can read along. */
export function isPrivate(url: URL): boolean {
  if (url.protocol === "https:") return true;
  const host = url.hostname;
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127(?:\.[0-9]{1,3}){3}$/.test(host)
  );
}

/**
 * An address as a URL without a slash at its end.
 *
 * @throws HoldfastError `usage` where it is none of http or https, or has a name, a password, a query or a fragment, none of which could be meant for
 * us; `insecure_transport` where a token would go over a network in the clear.
 */
export function checkAddress(address: string, hasToken: boolean): string {
  const url = URL.parse(address);
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    // What looks like credentials is not repeated.
    const shown = address.includes("@") ? "" : `: ${address}`;
    throw new HoldfastError("usage", `not an http or https address${shown}`);
  }
  if (url.username || url.password) {
    throw new HoldfastError("usage", "the address has a name or a password in it");
  }
  if (/[?#]/.test(address)) {
    throw new HoldfastError("usage", "the address has a query or a fragment");
  }
  if (hasToken && !isPrivate(url)) {
    throw new HoldfastError("insecure_transport", `no token goes to ${url.origin} in the clear`);
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}
