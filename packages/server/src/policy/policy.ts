// Who may come in, and what they may do: the one token of a simple server, tokens per principal, or nobody but this machine.
import type { Action, Limits, Policy, Principal } from "@holdfast/engine";
import { HoldfastError } from "@holdfast/protocol";
import type { Scope, TokenEntry, TokenTable } from "./table.ts";
import { isHashOf, NO_HASH, parseToken, sha256Hex } from "./token.ts";

export interface TokenPolicyOptions {
  /** The one admin token of a simple server. */
  readonly token?: string | undefined;
  /** The tokens per principal as they are now; undefined where nobody has made any. @throws HoldfastError `storage_failed` */
  readonly tokens?: () => TokenTable | undefined;
  /** The same, looked at anew: `tokens` may be a second old, and whoever has just been given a token uses it. */
  readonly latestTokens?: () => TokenTable | undefined;
  /** What every principal may use at most, where its own token says nothing else. */
  readonly limits?: Limits | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface TokenPolicy extends Policy {
  /** Whether nobody comes in without a token. */
  needsToken(): boolean;
}

/** Grants that are no token's: no id of a token looks like them. */
const SERVER_GRANT = "server";
const OPEN_GRANT = "open";

/** In the words of RFC 6750 section 3.1. */
const INVALID = { reason: "invalid_token" } as const;

const LOCAL = { id: "local", tenant: "local" } as const;

const SCOPE_OF: Readonly<Record<Action, Scope>> = {
  create: "write",
  write: "write",
  delete: "write",
  read: "read",
  administer: "admin",
};

/** What somebody comes in with, at this moment. */
interface Grant {
  readonly principal: Principal;
  readonly scopes: readonly Scope[];
}

export function createTokenPolicy(options: TokenPolicyOptions = {}): TokenPolicy {
  const { token, tokens = () => undefined, limits, now = () => 0 } = options;
  const { latestTokens = tokens } = options;
  const serverHash = token === undefined ? NO_HASH : sha256Hex(token);

  /** Looks at the table each time: a grant may have been revoked a moment ago. */
  function find(grant: string | undefined): Grant {
    if (grant === SERVER_GRANT && token !== undefined) return everything(grant, serverHash);
    if (grant === OPEN_GRANT && !needsToken()) return everything(grant);
    const entry = grant === undefined ? undefined : tokens()?.get(grant);
    if (!entry) throw revoked();
    return grantOf(entry);
  }

  function everything(grant: string, credential?: string): Grant {
    return { principal: principalOf(LOCAL, { grant, credential }), scopes: ["admin"] };
  }

  /** What a token that was sent is for, if anything. @throws HoldfastError `unauthorized` where it has expired */
  function grantFor(sent: string, table: TokenTable | undefined): Grant | undefined {
    // Every token that is sent is compared twice, once with something that nothing equals: what is wrong with it shows in no time.
    const parsed = parseToken(sent);
    const entry = table?.get(parsed?.id ?? "");
    const isServers = isHashOf(serverHash, sent) && token !== undefined;
    const isEntrys = isHashOf(entry?.hash ?? NO_HASH, parsed?.secret ?? "") && entry !== undefined;
    if (isServers) return find(SERVER_GRANT);
    return isEntrys ? grantOf(entry) : undefined;
  }

  /** @throws HoldfastError `unauthorized` */
  function grantOf(entry: TokenEntry): Grant {
    if (entry.expiresAt !== undefined && entry.expiresAt <= now()) {
      throw new HoldfastError("unauthorized", "the token has expired", INVALID);
    }
    const { principal: id, tenant, scopes } = entry;
    const by = { grant: entry.id, credential: entry.hash };
    return { principal: principalOf({ id, tenant }, by, entry.limits), scopes };
  }

  function principalOf(
    { id, tenant }: { readonly id: string; readonly tenant: string },
    { grant, credential }: { readonly grant: string; readonly credential?: string | undefined },
    own?: Limits,
  ): Principal {
    return {
      ...{ id, tenant, grant },
      ...(credential === undefined ? {} : { credential }),
      ...(limits || own ? { limits: { ...limits, ...own } } : {}),
    };
  }

  /** Where nobody knows whether there are tokens, one is needed. */
  function needsToken(): boolean {
    if (token !== undefined) return true;
    try {
      return tokens() !== undefined;
    } catch {
      return true;
    }
  }

  return {
    needsToken,
    async authenticate(authorization) {
      const sent = /^Bearer[ ]+([^ ]+)[ ]*$/i.exec(authorization ?? "")?.[1];
      const isOpen = (table: TokenTable | undefined) => token === undefined && !table;
      if (sent === undefined) {
        if (isOpen(tokens())) return find(OPEN_GRANT).principal;
        throw new HoldfastError("unauthorized");
      }
      // Whatever is wrong with it, the list is looked at anew: how long that takes tells nothing.
      const known = grantFor(sent, tokens());
      if (known) return known.principal;
      const latest = latestTokens();
      const found = isOpen(latest) ? find(OPEN_GRANT) : grantFor(sent, latest);
      if (found) return found.principal;
      throw new HoldfastError("unauthorized", "the token is wrong", INVALID);
    },
    async recall(grant) {
      return find(grant).principal;
    },
    async decide(principal, action, { tenant }) {
      const { principal: present, scopes } = find(principal.grant);
      // The same id under another secret is another token.
      if (present.credential !== principal.credential) throw revoked();
      if (present.tenant !== tenant) throw new HoldfastError("forbidden");
      const scope = SCOPE_OF[action];
      if (scopes.includes(scope) || scopes.includes("admin")) return;
      throw new HoldfastError("forbidden", `the token has no scope ${scope}`, { scope });
    },
  };
}

function revoked(): HoldfastError {
  return new HoldfastError("unauthorized", "the token was revoked", INVALID);
}
