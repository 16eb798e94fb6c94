// The report's style sheet. Every colour is a variable, so that light, dark and the charts share one set of rules;
// the hues are Okabe and Ito's, and nothing is told by colour alone.

const LIGHT = `
  color-scheme: light;
  --page: #f6f7f9; --panel: #ffffff; --text: #1b2330; --muted: #556070; --line: #d5dae2; --hover: #eef2f7;
  --link: #0b5cad; --good: #00694d; --good-soft: #dff3ec; --bad: #b34700; --bad-soft: #fde9dc;
  --warn: #7a5600; --warn-soft: #fdf3d3; --waiting: #9aa5b4; --shade: rgb(20 30 50 / 0.2);
  --c1: #0072b2; --c2: #56b4e9; --c3: #009e73; --c4: #e69f00; --c5: #b35c93;`;
const DARK = `
  color-scheme: dark;
  --page: #10141b; --panel: #191f29; --text: #e6eaf0; --muted: #9fabbb; --line: #333d4b; --hover: #222b38;
  --link: #7cc1ff; --good: #5fd3ae; --good-soft: #12372d; --bad: #ff9a5c; --bad-soft: #43260f;
  --warn: #f0c95a; --warn-soft: #3a3012; --waiting: #6c7889; --shade: rgb(160 185 220 / 0.35);
  --c1: #4aa8e0; --c2: #9bd6f7; --c3: #2fc49a; --c4: #f0b53a; --c5: #d98bbb;`;

export const STYLE = `
:root {${LIGHT}
}
@media (prefers-color-scheme: dark) { :root:not([data-theme='light']) {${DARK}
} }
:root[data-theme='dark'] {${DARK}
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
code, pre { font: 0.86em/1.45 ui-monospace, 'SF Mono', Menlo, Consolas, monospace; }
h1 { font-size: 1.35rem; margin: 0; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 0 0 0.75rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.5rem; }
p { margin: 0.4rem 0; max-width: 75ch; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 0.5rem; top: 0.5rem; background: var(--panel); padding: 0.5rem; z-index: 9; }
header.top { position: sticky; top: 0; z-index: 5; background: var(--panel); border-bottom: 1px solid var(--line); }
header.top > div { max-width: 1380px; margin: auto; padding: 0.5rem 1rem; display: flex; gap: 0.4rem 1rem; align-items: center; }
header.top nav { display: flex; gap: 0.9rem; overflow-x: auto; flex: 1; scrollbar-width: none; }
header.top nav a { text-decoration: none; white-space: nowrap; padding: 0.25rem 0; }
header.top nav a:hover { text-decoration: underline; }
main { max-width: 1380px; margin: auto; padding: 1rem; display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem; min-width: 0; }
.banner { border-left: 8px solid var(--muted); }
.banner.pass { border-left-color: var(--good); } .banner.fail { border-left-color: var(--bad); }
.banner.incomplete { border-left-color: var(--warn); }
.banner .kicker { color: var(--muted); margin: 0 0 0.15rem; }
.verdict { margin: 0.2rem 0; max-width: 60ch; font-size: clamp(1.3rem, 4vw, 1.8rem); font-weight: 700; overflow-wrap: anywhere; line-height: 1.2; }
.status { display: block; font-size: 1rem; letter-spacing: 0.04em; }
.pass .status { color: var(--good); } .fail .status { color: var(--bad); } .incomplete .status { color: var(--warn); }
.rates { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); gap: 0.75rem; margin: 1rem 0; }
.rate { border: 1px solid var(--line); border-radius: 8px; padding: 0.7rem 0.85rem; }
.rate b { font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.rate span { color: var(--muted); font-size: 0.87rem; display: block; }
.interval { position: relative; height: 26px; margin: 0.4rem 0; background: linear-gradient(var(--line), var(--line)) center / 100% 4px no-repeat; }
.interval i { position: absolute; top: 0; bottom: 0; }
.interval .span { left: var(--low); width: calc(var(--high) - var(--low)); top: 8px; bottom: 8px; background: var(--c1); opacity: 0.55; border-radius: 3px; }
.interval .value { left: min(var(--value), calc(100% - 4px)); width: 4px; top: 4px; bottom: 4px; background: var(--c1); border-radius: 2px; }
.interval .limit { left: var(--limit); border-left: 2px dashed var(--text); }
.list-title { margin-bottom: 0; }
.parts { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.25rem 0.75rem; align-items: center; max-width: 560px; margin: 0.5rem 0; }
.parts i { display: block; height: 10px; border-radius: 5px; background: var(--line); overflow: hidden; }
.parts i::before { content: ''; display: block; height: 100%; width: var(--share); background: var(--c1); }
.scroll { overflow-x: auto; max-width: 100%;
  /* A shadow at the side where there is more to see. */
  background: linear-gradient(90deg, var(--panel) 30%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(270deg, var(--panel) 30%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) left / 0.9rem 100% no-repeat scroll,
    linear-gradient(270deg, var(--shade), transparent) right / 0.9rem 100% no-repeat scroll; }
.pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
#guard-table td:not(:nth-child(2)):not(:last-child) { white-space: nowrap; } #guard-table td:nth-child(2) { min-width: 9rem; }
#guard-table td:last-child { min-width: 11rem; overflow-wrap: anywhere; }
#judge-table td:nth-child(2) { min-width: 16rem; } #judge-table td:nth-child(n + 3) { white-space: nowrap; }
.scroll.tall { max-height: 70vh; overflow-y: auto; }
.scroll svg { width: 100%; height: auto; display: block; }
.packed:not([data-on-demand]) { min-height: 20rem; }
figure { margin: 0 0 0.5rem; } figcaption { display: flex; gap: 0.4rem 1rem; flex-wrap: wrap; align-items: baseline; color: var(--muted); font-size: 0.85rem; }
.swipe { display: none; } .save { display: flex; gap: 0.35rem; margin-left: auto; } .save[hidden] { display: none; } .save .plain { padding: 0.05rem 0.5rem; font-size: 0.8rem; }
h4 { font-size: 0.95rem; margin: 0.5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.wide { width: 100%; }
th, td { text-align: left; padding: 0.38rem 0.65rem; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); background: var(--panel); position: sticky; top: 0; z-index: 1; white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
tbody tr:hover td, tbody tr:hover th { background: var(--hover); }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button::after { content: ' ↕'; color: var(--muted); font-weight: 400; }
th[aria-sort='ascending'] button::after { content: ' ↑'; color: var(--text); }
th[aria-sort='descending'] button::after { content: ' ↓'; color: var(--text); }
th button:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.confusion td { font-size: 1.2rem; font-weight: 600; text-align: center; min-width: 6.5rem; }
.confusion td.good { background: var(--good-soft); } .confusion td.bad { background: var(--bad-soft); }
.confusion small { display: block; font-weight: 400; font-size: 0.8rem; color: var(--muted); }
.matrix th[scope='row'] { position: sticky; left: 0; background: var(--panel); z-index: 2; white-space: nowrap; font-weight: 500; }
.matrix thead th:first-child { left: 0; z-index: 3; }
.matrix td { position: relative; padding: 0.25rem; min-width: 126px; vertical-align: middle; text-align: center; }
.matrix td button { text-align: left; }
.matrix th small { display: block; color: var(--muted); font-weight: 400; white-space: normal; max-width: 16rem; }
.matrix .why { color: var(--muted); }
#matrix-filter { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: baseline; } #matrix-filter[hidden] { display: none; }
.matrix .group th { color: var(--muted); font-weight: 600; background: var(--page); left: 0; }
.matrix button { all: unset; box-sizing: border-box; cursor: pointer; display: block; width: 100%; padding: 0.35rem 0.5rem; border-radius: 6px; border: 1px solid transparent; }
.matrix button:hover { border-color: var(--link); }
.matrix button:focus-visible, .matrix td:target button { outline: 3px solid var(--link); }
.matrix .good { background: var(--good-soft); } .matrix .bad { background: var(--bad-soft); }
.matrix .warn { background: var(--warn-soft); } .matrix .none { color: var(--muted); background: var(--page); }
.matrix b { display: block; font-size: 0.88rem; }
.good b, .tag.good { color: var(--good); } .bad b, .tag.bad { color: var(--bad); } .warn b, .tag.warn { color: var(--warn); }
.matrix small { display: block; color: var(--text); } .matrix td.muted small { color: var(--muted); }
.gates { display: inline-flex; gap: 2px; }
.gate { font: 600 0.68rem/1.25rem ui-monospace, Menlo, Consolas, monospace; width: 1.75rem; text-align: center; border-radius: 3px; border: 1px solid var(--line); background: var(--panel); color: var(--text); }
.gate.fail { background: var(--bad); color: var(--panel); border-color: var(--bad); }
.gate.missing { border-style: dashed; } .gate.not_run { color: var(--muted); opacity: 0.75; }
.tag { font-weight: 600; white-space: nowrap; }
.legend { color: var(--muted); font-size: 0.88rem; }
[popover] { border: 1px solid var(--line); border-radius: 10px; background: var(--panel); color: var(--text); padding: 1rem 1.1rem; max-width: min(820px, calc(100vw - 2rem)); max-height: 85vh; overflow: auto; box-shadow: 0 12px 40px rgb(0 0 0 / 0.35); }
[popover] td { white-space: nowrap; }
[popover]::backdrop { background: rgb(0 0 0 / 0.4); }
.close { float: right; }
.plain { font: inherit; color: var(--link); background: none; border: 1px solid var(--line); border-radius: 6px; padding: 0.2rem 0.6rem; cursor: pointer; white-space: nowrap; }
.plain:hover { background: var(--hover); }
.command { display: flex; gap: 0.5rem; align-items: center; margin: 0.2rem 0; }
.command code { background: var(--page); border: 1px solid var(--line); border-radius: 5px; padding: 0.2rem 0.45rem; overflow-x: auto; white-space: nowrap; flex: 1; min-width: 0; }
input[type='search'] { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: 0.35rem 0.6rem; width: min(100%, 340px); margin-bottom: 0.6rem; }
details > summary { cursor: pointer; font-weight: 600; padding: 0.2rem 0; }
ul { padding-left: 1.2rem; margin: 0.4rem 0; }
.path { overflow-wrap: anywhere; }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }
.muted, .gone { color: var(--muted); }
footer { color: var(--muted); font-size: 0.87rem; max-width: 1380px; margin: auto; padding: 0 1rem 2rem; }
@media (max-width: 640px) {
  main { padding: 0.5rem; gap: 0.6rem; } section { padding: 0.8rem; border-radius: 8px; }
  header.top h1 { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .rate { padding: 0.55rem 0.6rem; }
  .matrix td { min-width: 112px; } .matrix th[scope='row'] { white-space: normal; min-width: 6.5rem; max-width: 7.5rem; }
  th, td { padding: 0.32rem 0.45rem; } .swipe { display: inline; }
}
@media print {
  header.top, .plain, input { display: none; }
.scroll.tall { max-height: none; } section { break-inside: avoid; }
}
`;
