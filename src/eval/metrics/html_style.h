#pragma once
// The look of reports and comparisons.

namespace kindred::eval {

inline constexpr const char* html_style = R"css(
:root {
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5b6676; --line: #dfe3e9; --grid: #e9ecf1;
  --good: #0a7d4f; --bad: #b42318; --hit: #e5f5ec; --stripe: #fafbfc;
  --s0: #2f5fd0; --s1: #d06a10; --s2: #12855a; --s3: #8546c8; --s4: #c2334d; --s5: #0d7f95;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2028; --ink: #e4e8ee; --soft: #97a2b1; --line: #303844; --grid: #272e38;
    --good: #4cc38a; --bad: #ff8a80; --hit: #17352a; --stripe: #1d242d;
    --s0: #7ba2ff; --s1: #f2a154; --s2: #4cc38a; --s3: #c198f5; --s4: #ff8696; --s5: #56c5da;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 19px; margin: 44px 0 14px; letter-spacing: -.005em; }
h3 { font-size: 14px; margin: 0 0 8px; }
p { margin: 0 0 12px; }
.subtitle, .note, figcaption, .empty { color: var(--soft); }
.subtitle { margin-bottom: 22px; overflow-wrap: anywhere; }
.note, figcaption { font-size: 13px; }
figure { margin: 0 0 20px; }
figcaption { margin-top: 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; line-height: 1.25; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile span { color: var(--soft); font-size: 13px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 20px 0 0; font-size: 14px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 8px 12px; text-align: left; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: 13px; }
tbody tr:nth-child(even) { background: var(--stripe); }
.wide { font-size: 13px; } .wide th, .wide td { padding: 7px 8px; white-space: normal; }
.wide td:first-child { white-space: nowrap; }
.wide thead th { font-size: 12px; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.better { color: var(--good); } .worse { color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 16px; margin-bottom: 20px; }
.charts figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 16px 10px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
svg .grid { stroke: var(--grid); } svg .axis { stroke: var(--line); }
svg .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .raw { stroke-width: 1; opacity: .3; }
svg .error { stroke-width: 1.5; opacity: .7; }
svg .best { fill: var(--card); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--soft); margin-bottom: 6px; }
.legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.person { margin-bottom: 16px; }
.person .about { color: var(--soft); margin: -4px 0 12px; overflow-wrap: anywhere; }
.lists { display: grid; grid-template-columns: 1fr 1.35fr .85fr; gap: 18px 28px; }
@media (max-width: 820px) { .lists { grid-template-columns: 1fr; } }
.lists h4 { margin: 0 0 6px; font-size: 12px; font-weight: 600; color: var(--soft); text-transform: uppercase; letter-spacing: .05em; }
.lists ol, .lists ul { margin: 0; padding: 0 0 0 26px; font-size: 14px; }
.lists ul { padding-left: 18px; }
.lists li { padding: 2px 8px 2px 4px; border-radius: 6px; overflow-wrap: anywhere; }
.lists li.hit { background: var(--hit); font-weight: 600; }
.lists li.hit::after { content: " \2713"; color: var(--good); }
td:last-child:not(.number) { white-space: normal; min-width: 11em; }
.lists small { white-space: nowrap; color: var(--soft); font-weight: 400; font-variant-numeric: tabular-nums; }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--soft); }
pre { overflow-x: auto; font: 13px/1.5 ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; margin: 12px 0 0; }
@media print { body { background: #fff; } .card, .scroll, .tile, .charts figure { break-inside: avoid; } }
)css";

}  // namespace kindred::eval
