// The story of the demo: up with kills on the way, down again, compared.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { formatSize } from "../../packages/cli/src/sizes.ts";
import { digestOfFile, makeRandomFile } from "./bytes.ts";
import { type Kill, openScene, type Scene, type SceneWants } from "./scene.ts";
import { exact, type Told } from "./tell.ts";

/** Who is killed, and at which share of the file's bytes on the wire. Odd ones: never at the border of anything. */
const KILLS: readonly { readonly who: Kill["who"]; readonly share: number }[] = [
  { who: "server", share: 0.23 },
  { who: "client", share: 0.49 },
  { who: "server", share: 0.74 },
];

export interface Journey extends Omit<SceneWants, "source"> {
  /** Of the file, in bytes. */
  readonly size: number;
}

/** Resolves with whether everything came back as it was sent. */
export async function runJourney({ size, ...wants }: Journey, told: Told): Promise<boolean> {
  const { directory } = wants;
  const source = join(directory, "original");
  const copy = join(directory, "copy");
  told.say(`making ${exact(size)} of random bytes`);
  const sent = await makeRandomFile(source, size);
  const scene = await openScene({ ...wants, source });
  try {
    for (const place of scene.places) told.say(place);
    told.say(`server started on ${scene.url} (pid ${scene.serverPid()})`);
    const beganAt = told.seconds();
    const url = await uploadThroughKills(scene, size, told);
    const uploadedAt = told.seconds();
    told.say(`complete: ${url}`);
    await scene.download(url, copy);
    told.say("downloaded; every part had its digest");
    const received = await digestOfFile(copy);
    const isSame = received === sent && (await stat(copy)).size === size;
    const lost = scene.kills.reduce((sum, kill) => sum + kill.lost, 0);
    told.table([
      ["file", exact(size)],
      ["upload", `${(uploadedAt - beganAt).toFixed(1)} s, every kill and restart included`],
      ["download", `${(told.seconds() - uploadedAt).toFixed(1)} s`],
      ["kills", KILLS.map(({ who }) => who).join(", ")],
      ["bytes sent twice", exact(Math.max(0, scene.bytesUp() - size))],
      ["bytes lost", exact(lost)],
      ["SHA-256 sent", sent],
      ["SHA-256 received", received],
    ]);
    if (!isSame) told.fail("what came back is not what was sent");
    else if (lost > 0) told.fail("acknowledged bytes were lost");
    else
      console.log(
        "Bytes sent twice are counted on the wire, headers and all. The bytes that came back are the ones that were sent.",
      );
    return isSame && lost === 0;
  } finally {
    await scene.close();
  }
}

/** Resolves with the address of the file. */
async function uploadThroughKills(scene: Scene, size: number, told: Told): Promise<string> {
  scene.startClient();
  told.say("upload started");
  for (const { who, share } of KILLS) {
    await scene.untilSent(size * share);
    const kill = await scene.kill(who);
    told.say(`kill -9 the ${who} with ${formatSize(kill.acknowledged)} acknowledged`);
    await scene.startAgain(who);
    const kept = await scene.check(kill);
    told.say(
      `${who} started again; the server has ${formatSize(kept)}, ${formatSize(kill.lost)} lost`,
    );
  }
  return scene.finish();
}
