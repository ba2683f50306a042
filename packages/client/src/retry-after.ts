// The Retry-After field (RFC 9110 section 10.2.3): seconds, or a date.

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
const IMF_FIXDATE =
  /^[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT$/;

/** Milliseconds since 1970 of an HTTP date, or undefined; the two obsolete forms are not read. */
export function parseHttpDate(field: string): number | undefined {
  const [, day, month, year, hour, minute, second] = IMF_FIXDATE.exec(field) ?? [];
  const at = month === undefined ? -1 : MONTHS.indexOf(month);
  if (at < 0 || at % 3 !== 0) return undefined;
  const days = daysSince1970(Number(year), at / 3 + 1, Number(day));
  return (((days * 24 + Number(hour)) * 60 + Number(minute)) * 60 + Number(second)) * 1000;
}

/** Days of the Gregorian calendar; years are counted from March, so that the leap day is the last. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/**
 * How long to wait in milliseconds, or undefined where the field says nothing.
 *
 * A date counts from the answer's own `date`, where it has one: the client's clock may be wrong by a day.
 */
export function parseRetryAfter(
  field: string | undefined,
  date: string | undefined,
  now: number,
): number | undefined {
  if (field === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(field)) return Number(field) * 1000;
  const until = parseHttpDate(field);
  return until === undefined ? undefined : Math.max(0, until - (parseHttpDate(date ?? "") ?? now));
}
