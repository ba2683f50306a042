// Questions to the engine that have one answer each, by their numbers.
import type { HoldfastError } from "@holdfast/protocol";
import type { SignedPart } from "../direct/sign-rest.ts";
import { decodeError, type Found, type ToPage } from "./messages.ts";

export type Answer = Extract<ToPage, { readonly type: "unfinished" | "signed" | "refused" }>;

export interface Questions {
  /** Resolves with what can be gone on with, where that was asked. */
  found(question: number): Promise<Found>;
  /** Resolves with what brings the rest of an upload. */
  signed(question: number): Promise<readonly SignedPart[]>;
  settle(answer: Answer): void;
  /** Nobody is there any more to answer those that were asked. */
  failAll(error: HoldfastError): void;
}

export function createQuestions(): Questions {
  const findings = new Map<number, PromiseWithResolvers<Found>>();
  const signings = new Map<number, PromiseWithResolvers<readonly SignedPart[]>>();
  return {
    found(question) {
      const asked = Promise.withResolvers<Found>();
      findings.set(question, asked);
      return asked.promise;
    },
    signed(question) {
      const asked = Promise.withResolvers<readonly SignedPart[]>();
      signings.set(question, asked);
      return asked.promise;
    },
    settle(answer) {
      const { question } = answer;
      const [finding, signing] = [findings.get(question), signings.get(question)];
      findings.delete(question);
      signings.delete(question);
      if (answer.type === "unfinished") finding?.resolve(answer.found);
      else if (answer.type === "signed") signing?.resolve(answer.signed);
      else (finding ?? signing)?.reject(decodeError(answer.error));
    },
    failAll(error) {
      for (const { reject } of [...findings.values(), ...signings.values()]) reject(error);
      findings.clear();
      signings.clear();
    },
  };
}
