// Dates in header fields (RFC 9110 section 5.6.7): the form that everybody writes today, and the two that a recipient must still be able to read.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const NAME = MONTHS.join("|");
const TIME = "([0-9]{2}):([0-9]{2}):([0-9]{2})";
const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";

/** Sun, 06 Nov 1994 08:49:37 GMT */
const IMF = new RegExp(`^${DAY}, ([0-9]{2}) (${NAME}) ([0-9]{4}) ${TIME} GMT$`);
/** Sunday, 06-Nov-94 08:49:37 GMT */
const RFC_850 = new RegExp(`^${LONG_DAY}, ([0-9]{2})-(${NAME})-([0-9]{2}) ${TIME} GMT$`);
/** Sun Nov  6 08:49:37 1994 */
const ASCTIME = new RegExp(`^${DAY} (${NAME}) ([0-9 ][0-9]) ${TIME} ([0-9]{4})$`);

const CENTURY_MS = 100 * 365.25 * 86_400_000;

/**
 * Milliseconds since 1970, or undefined for what is no date: such a field is as if it were not there. The name of the day is not held against the day.
 * `now` decides which century two digits are of: what would be more than 50 years ahead has been (section 5.6.7).
 */
export function parseHttpDate(field: string | undefined, now: number): number | undefined {
  const text = field ?? "";
  const imf = IMF.exec(text);
  if (imf) return at(imf[3], imf[2], imf[1], imf.slice(4));
  const asctime = ASCTIME.exec(text);
  if (asctime) return at(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6));
  const old = RFC_850.exec(text);
  if (!old) return undefined;
  const century = Math.floor(new Date(now).getUTCFullYear() / 100);
  const ofYear = (year: number) => at(String(year), old[2], old[1], old.slice(4));
  const near = ofYear(century * 100 + Number(old[3]));
  if (near === undefined) return undefined;
  if (near > now + CENTURY_MS / 2) return ofYear((century - 1) * 100 + Number(old[3]));
  return near <= now - CENTURY_MS / 2 ? ofYear((century + 1) * 100 + Number(old[3])) : near;
}

/** Undefined for a day or a time that there is not; a leap second is the first of the next minute. */
function at(
  year = "",
  month = "",
  day = "",
  [hour = 0, minute = 0, second = 0]: readonly (string | number)[],
): number | undefined {
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const begin = new Date(0);
  begin.setUTCFullYear(Number(year), MONTHS.indexOf(month), Number(day));
  if (begin.getUTCDate() !== Number(day)) return undefined;
  return begin.setUTCHours(hours, minutes, seconds);
}
