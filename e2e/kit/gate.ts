// A door between commands and a server that lets one request of a kind through: a command is where the test wants it however slow the machine is.
import type { IncomingMessage } from "node:http";
import { passOn, type Relay, startRelay } from "@holdfast/testkit/relay";

export type Kind = (request: IncomingMessage) => boolean;

export interface Gate extends Relay {
  /**
   * Lets the next request of a kind pass, and keeps the others waiting until they end with whoever sent them. Resolves when the answer to the one has gone out.
   * Requests of other kinds pass.
   */
  only(isOfKind: Kind): Promise<void>;
  /** Everything passes again. */
  open(): void;
}

type Fate = "pass" | "wait" | (() => void);

export async function openGate(target: string): Promise<Gate> {
  let fateOf: (request: IncomingMessage) => Fate = () => "pass";
  const relay = await startRelay((request, response) => {
    const fate = fateOf(request);
    if (fate === "wait") return;
    if (fate !== "pass") response.once("finish", fate);
    passOn(target, request, response);
  });
  return {
    ...relay,
    only: (isOfKind) =>
      new Promise((resolve) => {
        let hasPassed = false;
        fateOf = (request) => {
          if (!isOfKind(request)) return "pass";
          if (hasPassed) return "wait";
          hasPassed = true;
          return resolve;
        };
      }),
    open() {
      fateOf = () => "pass";
    },
  };
}

export const isComplete: Kind = ({ method, url = "" }) =>
  method === "POST" && url.endsWith("/complete");

/** Bytes of a file, or to an upload. */
export const movesBytes: Kind = ({ method = "", url = "" }) =>
  method === "PUT" || method === "PATCH" || (method === "GET" && /^\/v1\/files\/[^/]+$/.test(url));
