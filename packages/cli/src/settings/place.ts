// Where the configuration file is.
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

export interface Place {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The file that is read where no other is named, or undefined where there is no home directory to look in. */
export function configPath({ platform, env }: Place): string | undefined {
  const told = platform === "win32" ? env["APPDATA"] : env["XDG_CONFIG_HOME"];
  if (told && isAbsolute(told)) return join(told, "holdfast", "config.toml");
  const home = homeOrNone();
  return isAbsolute(home) ? join(home, ".config", "holdfast", "config.toml") : undefined;
}

function homeOrNone(): string {
  try {
    return homedir();
  } catch {
    // Without HOME it asks the system's table of users, and a container's user need not stand there.
    return "";
  }
}
