/** How the page looks: quiet, the fonts of the system, light or dark as the system is, one column on a phone. */
export const STYLE = `
:root {
  --back: #fbfbf9; --card: #fff; --text: #1c2421; --quiet: #57635d; --rule: #dfe3df;
  --main: #1d6b5c; --on-main: #fff; --bad: #a3261c; --warn: #8f4d00; --track: #e4e8e4;
  --hit: 29 107 92; --miss: 163 38 28;
  --p0: #0b63b8; --p1: #a34d12; --p2: #7a3ea1; --p3: #1d6b5c; --p4: #b3254f; --p5: #5c6800;
  font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back);
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #131716; --card: #1a1f1d; --text: #e6ebe8; --quiet: #a0aca6; --rule: #313835;
    --main: #6cc7b1; --on-main: #0e1513; --bad: #ff9488; --warn: #f2b268; --track: #313835;
    --hit: 108 199 177; --miss: 255 148 136;
    --p0: #74b6ff; --p1: #f2a167; --p2: #cba0f2; --p3: #6cc7b1; --p4: #ff93b0; --p5: #cbd46a;
  }
}
* { box-sizing: border-box }
body { margin: 0 }
h1, h2, h3 { font-size: 1rem; font-weight: 600; margin: 0 }
h2 { margin-bottom: .5rem }
h3 { margin-top: 1rem }
p { margin: .4rem 0 }
small { color: var(--quiet); font-size: .85em }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere }
.note { color: var(--quiet); font-size: .9em; overflow-wrap: anywhere }
.bad { color: var(--bad) }
.right { text-align: right }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
a, .link { color: var(--main) }
:focus-visible { outline: 2px solid var(--main); outline-offset: 2px; border-radius: 3px }

.top { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding: .75rem 1rem; border-bottom: 1px solid var(--rule) }
.top nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; flex: 1 }
.top a { text-decoration: none; color: var(--quiet); padding: .15rem 0 }
.top a:hover { text-decoration: underline }
.top a[aria-current] { color: var(--text); font-weight: 600; border-bottom: 2px solid var(--main) }
.links { display: flex; gap: 1rem }
main { max-width: 1240px; margin: 0 auto; padding: 1rem; display: grid; gap: 1rem }
main.narrow { max-width: 26rem }
.columns { display: grid; gap: 1rem; align-items: start }
.columns > div { display: grid; gap: 1rem; min-width: 0 }
@media (min-width: 900px) { .columns { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr) } }
section { min-width: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: .9rem 1rem }

.state { display: flex; flex-wrap: wrap; gap: .75rem 2rem; align-items: center; justify-content: space-between }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0 }
dt { color: var(--quiet); font-size: .85em }
dd { margin: 0 }
dd strong { font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; margin-right: .35rem }
.troubles { color: var(--bad); margin: .5rem 0 0; padding-left: 1.2rem; overflow-wrap: anywhere }

button { font: inherit; color: var(--text); background: none; border: 1px solid var(--rule); border-radius: 6px; padding: .35rem .8rem; cursor: pointer; min-height: 2.1rem }
button:hover:enabled { border-color: var(--main) }
button:disabled { opacity: .5; cursor: default }
button.main { background: var(--main); border-color: var(--main); color: var(--on-main) }
button.small { padding: .1rem .55rem; font-size: .87em; min-height: 1.75rem }
button.small + .small { margin-left: .3rem }
button[aria-pressed=true] { border-color: var(--main); color: var(--main) }
@media (forced-colors: active) { button[aria-pressed=true] { outline: 2px solid } }
button.link { border: 0; padding: 0; min-height: 0; color: var(--main); text-decoration: underline; text-underline-offset: 2px }
.field { display: block; color: var(--quiet); font-size: .9em; margin: .5rem 0 }
input:not([type=checkbox], [type=range]), textarea { display: block; width: 100%; margin-top: .2rem; font: inherit; font-size: 1rem; color: var(--text); background: var(--back); border: 1px solid var(--quiet); border-radius: 6px; padding: .4rem .55rem }
textarea { resize: vertical }
::placeholder { color: var(--quiet); opacity: 1 }
input { accent-color: var(--main) }
.check input { margin-right: .5rem }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; justify-content: end; margin-top: .75rem }
.state .buttons { margin: 0 }
.buttons.left { justify-content: start }
.inline { display: grid; grid-template-columns: 1fr auto; gap: 0 .5rem; align-items: end }
.inline.three { grid-template-columns: 1fr 1fr auto }
.inline button { margin-bottom: .5rem }
summary { cursor: pointer }
summary h2 { display: inline }
progress { accent-color: var(--main); width: 7rem; vertical-align: middle }

table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: .5rem }
th, td { text-align: left; padding: .22rem .6rem .22rem 0; border-top: 1px solid var(--rule); font-weight: 400; vertical-align: middle; overflow-wrap: anywhere }
thead th { color: var(--quiet); font-size: .85em; border: 0 }
thead th { overflow-wrap: normal }
th.right, td.right { text-align: right }
td.right, td:has(> .bar) { white-space: nowrap }
th:last-child, td:last-child { padding-right: 0 }
tr.live > * { background: color-mix(in srgb, var(--main) 9%, transparent) }
.tag { margin-left: .4rem; font-size: .8em; font-weight: 600; color: var(--main) }
.versions :is(th, td) { white-space: nowrap }
.versions .reason { width: 45%; max-width: 0; white-space: normal; color: var(--quiet) }
.versions td.reason span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; font-size: .87em }
@media (max-width: 1099px) { .versions .reason { display: none } }
.facts th { color: var(--quiet); width: 9rem }
.pages { text-align: right }
.written { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 3px solid var(--rule); padding-left: .6rem }
.ticks { border: 0; padding: 0; margin: .5rem 0 } .ticks > * { margin-right: 1rem; overflow-wrap: anywhere }
.plain { list-style: none; margin: .4rem 0; padding: 0 }
.plain li { padding: .2rem 0; overflow-wrap: anywhere }
.moves { padding-left: 1.1rem; margin: .4rem 0 }
.scroll { overflow-x: auto }
.confusion { width: auto; text-align: center }
.confusion caption { text-align: left; white-space: nowrap; color: var(--quiet); font-size: .85em; padding: .4rem 0 }
.confusion td, .confusion th { padding: .3rem .5rem; text-align: center; border: 1px solid var(--rule) }
.confusion thead td { border: 0 }
.confusion thead th { writing-mode: vertical-rl; text-align: left }
.confusion tbody th { position: sticky; left: 0; background: var(--card); text-align: right; min-width: 6rem; max-width: 12rem }
.hit1 { background: rgb(var(--hit) / .08) } .hit2 { background: rgb(var(--hit) / .14) }
.hit3 { background: rgb(var(--hit) / .2) } .hit4 { background: rgb(var(--hit) / .26) }
.miss1 { background: rgb(var(--miss) / .08) } .miss2 { background: rgb(var(--miss) / .14) }
.miss3 { background: rgb(var(--miss) / .2) } .miss4 { background: rgb(var(--miss) / .26) }
.pieces { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2; border: 1px solid var(--rule); padding: .4rem .6rem }
.pieces mark { color: var(--text); border-bottom: 2px solid; border-radius: 2px; padding: .1rem 0 }
.pieces mark::after { content: ' ' attr(data-name); font-size: .75em; color: var(--quiet) }
.tone0 { background: rgb(var(--hit) / .16); border-color: var(--p0) } .tone1 { background: rgb(var(--miss) / .16); border-color: var(--p1) }
.tone2 { background: rgb(var(--hit) / .08); border-color: var(--p2) } .tone3 { background: rgb(var(--miss) / .08); border-color: var(--p3) }
.tone4 { background: rgb(var(--hit) / .24); border-color: var(--p4) } .tone5 { background: rgb(var(--miss) / .24); border-color: var(--p5) }
.bar { width: 60px; height: 8px; margin-right: .35rem }
.fall { color: var(--bad) }
.track { fill: var(--track) } .fill { fill: var(--main) }

.heading { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .5rem }
.chart { overflow: hidden }
.chart svg { display: block }
.chart text { font-size: 11px; fill: var(--quiet) }
.axis line { stroke: var(--rule) }
.line { fill: none; stroke: var(--main); stroke-width: 2; stroke-linejoin: round }
.estimate { stroke: var(--main); stroke-width: 1.5; fill: none }
.estimate .value { fill: var(--main) }
.estimate text { stroke: none }
.baseline { fill: none; stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 2 4 }
.line.behind { stroke: var(--quiet); stroke-width: 1; opacity: .6 }
.p0 { stroke: var(--p0) } .p1 { stroke: var(--p1); stroke-dasharray: 7 3 } .p2 { stroke: var(--p2); stroke-dasharray: 2 2 }
.p3 { stroke: var(--p3); stroke-dasharray: 9 3 2 3 } .p4 { stroke: var(--p4); stroke-dasharray: 4 2 } .p5 { stroke: var(--p5); stroke-dasharray: 12 4 }
.legend { display: flex; flex-wrap: wrap; gap: .3rem; margin: .25rem 0 .6rem }
.legend button.small { margin: 0; color: var(--text); font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.mark { cursor: pointer }
.mark line { stroke: var(--quiet); opacity: .35 }
.mark .target { fill: transparent }
.mark.person line { stroke: var(--warn); opacity: 1; stroke-dasharray: 4 3 }
.mark.person text { fill: var(--warn) }
.mark.chosen line { stroke: var(--text); opacity: 1 }
.alarm { fill: var(--warn) }
.scrub { display: grid; grid-template-columns: minmax(6rem, 14rem) 1fr; gap: .25rem 1rem; align-items: center }
.scrub p { font-size: .9em; margin: 0; overflow-wrap: anywhere }
@media (max-width: 600px) {
  .scrub { grid-template-columns: 1fr }
  dl { gap: .5rem 1.5rem }
  .state .buttons { width: 100% }
  .state button { flex: 1 }
  .inline.three { grid-template-columns: 1fr }
  .events, .age, td .bar { display: none }
}

dialog { width: min(34rem, calc(100vw - 2rem)); border: 1px solid var(--rule); border-radius: 10px; padding: 1.1rem; color: var(--text); background: var(--card) }
dialog::backdrop { background: rgb(0 0 0 / .4) }
.said { position: fixed; left: 50%; bottom: 1rem; transform: translateX(-50%); margin: 0; max-width: calc(100vw - 2rem); padding: .5rem 1rem; border-radius: 8px; color: var(--back); background: var(--text) }
.said:empty { display: none }
`.replace(/\s*([{};])\s*/g, '$1')
