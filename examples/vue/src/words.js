// What people read: sizes, how far a transfer is, what went wrong and what helps.

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function inUnits(bytes) {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

const STATES = {
  opening: "Waiting for its turn",
  creating: "Beginning",
  checking: "Looking what is there already",
  waiting: "Waiting for the network",
  paused: "Paused",
  completing: "Checking on the server",
  ending: "Ending",
  complete: "Complete",
  failed: "Failed",
  aborted: "Aborted",
};

/** Only what the server has for sure: it never goes back, and 100 % means that all of it is there. */
export function howFar({ state, committed, size, rate, eta }) {
  const share = size ? `${Math.floor((100 * committed) / size)} %` : "";
  if (state !== "sending")
    return [STATES[state], state === "complete" ? "" : share].filter(Boolean).join(", ");
  const pace = rate ? `${inUnits(rate)}/s` : "";
  return [share, pace, eta === undefined ? "" : `${timeOf(eta)} left`].filter(Boolean).join(", ");
}

function timeOf(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** What happened, and what helps. */
export function sentenceOf({ message, hint = "" }) {
  return hint ? `${message}. ${hint}` : message;
}

/** What hinders a transfer that goes on by itself. */
export function noteOf({ detail, waitMs }) {
  return waitMs === undefined ? detail : `${detail}; once more in ${Math.ceil(waitMs / 1000)} s`;
}

export function isRunning({ state }) {
  return !["complete", "failed", "aborted"].includes(state);
}
