// The page about the configuration, docs/configuration.md, from the table of settings.
import { placeholderOf } from "./kinds.ts";
import {
  flagOf,
  layersOf,
  SETTING_NAMES,
  type SettingName,
  settingRow,
  variableOf,
} from "./table.ts";

const HEAD = `# Configuration

<!-- Written by \`npm run reference\` from packages/cli/src/settings/table.ts. -->

A setting comes from the first of these that says something:

1. its **option** on the command line,
2. its **variable** in the environment (one that is set but empty says nothing),
3. the **profile** that \`--profile\`, \`HOLDFAST_PROFILE\` or \`default-profile\` names,
4. the **file**,
5. its default.

\`holdfast config show --origin\` prints every setting with the place it comes from, \`holdfast config check\` what is wrong with them, \`holdfast config path\` where the file is:
\`holdfast/config.toml\` below \`XDG_CONFIG_HOME\` or \`~/.config\` (Windows: \`%APPDATA%\`). It is [TOML](https://toml.io):

\`\`\`toml
to = "https://files.example.org"
token-file = "token"          # beside this file; chmod 600
give-up = "1h"

[profile.slow]
limit-rate = "500K"
concurrency = 2

[serve]
data = "/srv/holdfast"
port = 8420
\`\`\`

A key that no setting has is an error that names the line and the nearest key, and so is a value of the wrong type: nothing is passed over. Paths are meant from the directory of
the file, on the command line and in variables from the current one. Sizes and rates count in 1024s (\`2M\`, \`500K\`; \`2MB\` counts in 1000s), durations are \`90s\`, \`15m\`, \`1h30m\`.

A **token** comes from \`--token-file\`, else from \`HOLDFAST_TOKEN\`, else from the file that \`token-file\` names; it is never an option, since command lines are seen by everybody on a
machine, and it does not belong into this file. No command ever prints it.

## Settings

| key | option | variable | default | what |
| --- | --- | --- | --- | --- |
`;

const FOOT = `
Options that have no row here belong to one command only; its \`--help\` tells of them. \`NO_COLOR\`, set and not empty, is \`color = "never"\` behind \`HOLDFAST_COLOR\`; \`NODE_EXTRA_CA_CERTS\`
names further certificate authorities.
`;

export function configurationPage(): string {
  return `${HEAD}${SETTING_NAMES.map(rowOf).join("")}${FOOT}`;
}

function rowOf(name: SettingName): string {
  const row = settingRow(name);
  const layers = layersOf(name);
  const placeholder = placeholderOf(row).replaceAll("|", "\\|");
  const flag = `\`${flagOf(name)}${placeholder === "" ? "" : ` <${placeholder}>`}\``;
  const cells = [
    layers.includes("file") ? `\`${name}\`` : "-",
    layers.includes("flag") ? flag : "-",
    layers.includes("environment") ? `\`${variableOf(name)}\`` : "-",
    row.default === undefined ? "-" : `\`${row.default}\``,
    row.help,
  ];
  return `| ${cells.join(" | ")} |\n`;
}
