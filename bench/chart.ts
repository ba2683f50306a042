// A bar chart as SVG: ours first, medians as bars, least and most as whiskers.
import type { Chart } from "./row.ts";

const WIDTH = 720;
const LABEL = 210;
const BAR = 22;
const STEP = 34;
const TOP = 52;
/** Room behind the longest bar for its figure. */
const FIGURE = 70;

/** Readable on light and dark pages alike: the page's own background shows, text is a middle grey. */
export function drawChart(title: string, { unit, isLessBetter, bars }: Chart): string {
  const most = Math.max(...bars.map(({ figure }) => figure.max));
  const x = (value: number): number =>
    LABEL + (most === 0 ? 0 : (value / most) * (WIDTH - LABEL - FIGURE));
  const height = TOP + bars.length * STEP;
  const rows = bars.map(({ name, figure }, row) => {
    const y = TOP + row * STEP;
    const middle = y + BAR / 2;
    const fill = row === 0 ? "#0f8a6b" : "#8a94a6";
    const end = (x(figure.max) + 8).toFixed(1);
    return [
      text(LABEL - 10, middle, "end", name),
      `<rect x="${LABEL}" y="${y}" width="${(x(figure.median) - LABEL).toFixed(1)}" height="${BAR}" rx="2" fill="${fill}"/>`,
      `<path d="M${x(figure.min).toFixed(1)} ${middle}H${x(figure.max).toFixed(1)}" stroke="#4a5263" stroke-width="2"/>`,
      text(Number(end), middle, "start", showNumber(figure.median)),
    ].join("\n");
  });
  const better = isLessBetter ? "less is better" : "more is better";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escapeText(title)}</title>`,
    `<text x="0" y="18" font-size="15" font-weight="600" fill="#6b7484">${escapeText(title)}</text>`,
    `<text x="0" y="38" fill="#6b7484">${escapeText(unit)}, ${better}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

function text(x: number, y: number, anchor: "start" | "end", words: string): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" dominant-baseline="central" fill="#6b7484">${escapeText(words)}</text>`;
}

function showNumber(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}

function escapeText(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
