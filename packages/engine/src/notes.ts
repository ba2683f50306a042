// What stands beside a file's content, which never changes: whether everybody may read it, links that were taken back, parts whose stored bytes are bad.

/** A signed link that counts no more, or all that were signed `before` a moment or in it, kept until no link of that age could count. Milliseconds since 1970. */
export type RevokedLink =
  | { readonly id: string; readonly until: number }
  | { readonly before: number; readonly until: number };

/** Absent where there is nothing to be said. */
export interface FileNotes {
  /** Since when everybody may read it. */
  readonly publicAt?: number;
  readonly revoked?: readonly RevokedLink[];
  /** Parts that were found damaged where they are stored, in order; `DAMAGED_MAX` at most. */
  readonly damaged?: readonly number[];
}

/** One thing that comes to stand there, or goes. */
export type FileNote =
  | { readonly kind: "public"; readonly at: number }
  | { readonly kind: "private" }
  | ({ readonly kind: "revoked" } & Revocation)
  | { readonly kind: "damaged"; readonly indexes: readonly number[] }
  | { readonly kind: "healed"; readonly indexes: readonly number[] };

export interface Revocation {
  /** The link's id. */
  readonly link: string;
  /** Until when links of its age may count, and the time now: what is over by then is forgotten. */
  readonly until: number;
  readonly now: number;
}

/** Of one file or upload, at once: each one is looked through at each use of a link. One more takes back all that there are. */
export const REVOKED_MAX = 1_000;
/** Another server's clock may be ahead by this much, and what it has signed with it, in milliseconds. */
const SKEW_MS = 60_000;
/** Links are dated to the second. */
const SECOND_MS = 1_000;
/** More are not noted: then all of the file is doubtful. */
export const DAMAGED_MAX = 1_000;

/** The notes with this one. */
export function noted(notes: FileNotes, note: FileNote): FileNotes {
  const { publicAt, revoked = [], damaged = [] } = notes;
  switch (note.kind) {
    case "public":
      return notesOf(publicAt ?? note.at, revoked, damaged);
    case "private":
      return notesOf(undefined, revoked, damaged);
    case "revoked":
      return notesOf(publicAt, withRevoked(revoked, note), damaged);
    case "damaged": {
      const all = [...new Set([...damaged, ...note.indexes])].slice(0, DAMAGED_MAX);
      return notesOf(
        publicAt,
        revoked,
        all.sort((a, b) => a - b),
      );
    }
    case "healed": {
      const left = damaged.filter((index) => !note.indexes.includes(index));
      // A list that is full stands for what is not in it, too: it goes as a whole.
      if (damaged.length >= DAMAGED_MAX && left.length > 0) return notes;
      return notesOf(publicAt, revoked, left);
    }
  }
}

/** The notes of a file whose bytes are all right again. */
export function sound({ publicAt, revoked = [] }: FileNotes): FileNotes {
  return notesOf(publicAt, revoked, []);
}

/**
 * Whoever takes a link back is never told that there are too many: where no more names are kept, all links go that can have been signed by now, this one among them. New ones count.
 */
export function withRevoked(
  revoked: readonly RevokedLink[],
  { link, until, now }: Revocation,
): readonly RevokedLink[] {
  if (revoked.some((one) => "id" in one && one.id === link)) return revoked;
  const left = revoked.filter((one) => one.until > now);
  if (left.length < REVOKED_MAX) return [...left, { id: link, until }];
  // What was signed behind an earlier line is dated a second after it, and by a clock that was ahead of this one.
  const earlier = revokedBefore(revoked);
  const before = Math.max(now + SKEW_MS, earlier === 0 ? 0 : earlier + SECOND_MS);
  return [{ before, until: Math.max(until, ...revoked.map((one) => one.until)) }];
}

/** Up to when all links were taken back, whatever their names: milliseconds since 1970, 0 where none were. */
export function revokedBefore(revoked: readonly RevokedLink[] = []): number {
  return Math.max(0, ...revoked.map((one) => ("before" in one ? one.before : 0)));
}

function notesOf(
  publicAt: number | undefined,
  revoked: readonly RevokedLink[],
  damaged: readonly number[],
): FileNotes {
  return {
    ...(publicAt === undefined ? {} : { publicAt }),
    ...(revoked.length === 0 ? {} : { revoked }),
    ...(damaged.length === 0 ? {} : { damaged }),
  };
}
