// The clauses that every checkpoint store keeps to, held against that of browsers where it belongs.
import { createCheckpointStore } from "../../packages/client/src/browser/checkpoint.ts";
import { createClaims } from "../../packages/client/src/browser/claims.ts";
import { createDatabase } from "../../packages/client/src/browser/database.ts";
import { browserClock } from "../../packages/client/src/browser/platform.ts";
import {
  CHECKPOINT_CLAUSES,
  TODAY,
} from "../../packages/client/src/testing/checkpoint-contract.ts";

const begin = IDBDatabase.prototype.transaction;
const durabilities = new Set();
IDBDatabase.prototype.transaction = function (...how) {
  const transaction = begin.apply(this, how);
  if (how[1] === "readwrite" && how[0] === "checkpoints") durabilities.add(transaction.durability);
  return transaction;
};

const failures = [];
for (const [at, { name, check }] of CHECKPOINT_CLAUSES.entries()) {
  const open = (now = () => TODAY) => {
    const clock = { ...browserClock, now };
    const database = createDatabase(`clause ${at}`, clock);
    return createCheckpointStore({ clock, claims: createClaims(navigator.locks), database });
  };
  await check(open).catch((error) => failures.push(`${name}: ${error.message}`));
}
window.report = { clauses: CHECKPOINT_CLAUSES.length, failures, durabilities: [...durabilities] };
document.body.dataset.state = "done";
