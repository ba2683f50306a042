// The look of the server's page: no font, image or script from anywhere else.

export const pageStyle: string = `
:root { --ground: #f6f7f9; --card: #fff; --text: #1b2330; --soft: #5a6576; --line: #dfe3ea; --accent: #0b6bcb; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #10141b; --card: #181e28; --text: #e8ecf2; --soft: #9aa6b8; --line: #2a3341; --accent: #6cb4ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: clamp(1.25rem, 5vw, 4rem) 1.25rem; }
h1 { margin: 0; font-size: clamp(2rem, 7vw, 2.75rem); letter-spacing: -0.03em; line-height: 1.1; }
h1::after { content: ""; display: block; width: 3.5rem; height: 4px; margin-top: 0.75rem; border-radius: 2px; background: var(--accent); }
.lead { font-size: 1.15rem; color: var(--soft); max-width: 38rem; }
section { margin-top: 2rem; padding: 1.25rem 1.5rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
h2 { margin: 0 0 0.75rem; font-size: 1.1rem; }
h3 { margin: 1.25rem 0 0.25rem; font-size: 1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem; margin: 0; }
dt { color: var(--soft); font-size: 0.85rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
pre { margin: 0.25rem 0; padding: 0.75rem 1rem; overflow-x: auto; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; }
code { font: 0.875rem/1.5 ui-monospace, monospace; }
p { margin: 0.5rem 0; }
footer { margin-top: 2rem; }
a { color: var(--accent); margin-right: 1rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`;
