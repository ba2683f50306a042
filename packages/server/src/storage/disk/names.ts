// Names that an earlier process has made: its flush of their directory may have failed, and one that succeeds now says nothing of them. Made anew, they are proved by it.
import { unlessMissing } from "./failure.ts";
import type { Fs } from "./fs.ts";

/** Beside the files: where a file is for the moment between its old name and its new one. */
const AWAY = "away";

/**
 * Gives a file its name once more, so that the next flush of the directory writes it. The file has one of the two names whatever happens in between: a rename is one step
 * to those who look, and after a crash.
 */
export async function makeAnew(fs: Fs, path: string): Promise<void> {
  const [directory, away] = awayOf(path);
  await fs.mkdir(directory);
  await fs.rename(path, away);
  // Who wanted to open it meanwhile may have brought it back.
  await unlessMissing(fs.rename(away, path));
}

/** The port, opening files under their names also while those are being made anew. */
export function withNames(fs: Fs): Pick<Fs, "open"> {
  return {
    async open(path, access, caching) {
      const opened = await unlessMissing(fs.open(path, access, caching));
      if (opened) return opened;
      await unlessMissing(fs.rename(awayOf(path)[1], path));
      return fs.open(path, access, caching);
    },
  };
}

/** At the start: what a crash has left between its names gets its own again, before anybody makes a file under it. */
export async function bringBack(fs: Fs, directory: string): Promise<void> {
  for (const name of (await unlessMissing(fs.list(`${directory}/${AWAY}`))) ?? []) {
    const path = `${directory}/${name}`;
    const [, away] = awayOf(path);
    const taken = await unlessMissing(fs.open(path, "read", "cached"));
    await taken?.close();
    // It could not get its name back when nothing counted on it, and another file has been begun since.
    await (taken ? fs.unlink(away) : fs.rename(away, path));
  }
}

function awayOf(path: string): readonly [directory: string, path: string] {
  const at = path.lastIndexOf("/");
  const directory = `${path.slice(0, at)}/${AWAY}`;
  return [directory, directory + path.slice(at)];
}
