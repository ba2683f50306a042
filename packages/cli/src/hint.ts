// What to do about an error: what the command knows better, else what the table of errors says.
import { errorRow, type HoldfastError } from "@holdfast/protocol";

const OWN_FAULT =
  "This is a fault in Holdfast, not in what you did. Nothing acknowledged is lost; please report it.";

export function hintOf(error: HoldfastError): string {
  const hint = error.details["hint"];
  if (typeof hint === "string") return hint;
  // Without a status it was not the server that said so, and the table's words are about the server.
  if (error.code === "internal" && error.cause !== undefined) return OWN_FAULT;
  return errorRow(error.code).hint;
}
