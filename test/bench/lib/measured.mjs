/**
 * The numbers of the README, made of the kept results: what was measured, what was reached, the aim and the benchmark that
 * measures it again. Bold is what misses its aim.
 */
import { readFileSync } from 'node:fs'
import { mean } from './figures.mjs'

/** Rows of cells, the first with the titles. */
export function measuredRows() {
  return [
    ['what', 'reached', 'to reach', 'measured by'],
    crash(),
    swap(),
    latency(),
    freshness(),
    step(),
    intake(),
    text(),
    fewLabels(),
    domains(),
    tables(),
    poison(),
    languageModel(),
    taughtFacts(),
  ]
}

function crash() {
  const [{ kills, lost, doubled, identical }] = figuresOf('crash')
  return [
    `${kills.trainer} \`kill -9\` of the trainer, ${kills.daemon} of the daemon`,
    [
      bold(`${lost} lost`, lost === 0),
      bold(`${doubled} doubled`, doubled === 0),
      bold(`weights ${identical ? 'byte-equal' : 'that differ'}`, identical),
    ].join(', '),
    'the same',
    '`crash`',
  ]
}

function swap() {
  const [{ requests, swaps, failed, mismatches }] = figuresOf('swap')
  return [
    `${grouped(requests)} requests over ${swaps} swaps`,
    `${bold(`${failed} failed`, failed === 0)}, ${bold(`${mismatches} answers of a wrong version`, mismatches === 0)}`,
    'the same',
    '`swap`',
  ]
}

function latency() {
  const hours = figuresOf('serve-latency')
  const of = (base) => hours.map(({ bases }) => bases[base].lora.oneClientMs.p50)
  return [
    'one text over HTTP, p50, with LoRA: `use-lite`; `minilm`',
    `${range(of('use-lite'), atMost(5), 1)} ms; ${range(of('minilm'), atMost(8), 1)} ms`,
    '≤ 5 ms; ≤ 8 ms',
    '`serve-latency`',
  ]
}

function freshness() {
  const of = (name, aim) => {
    const { antikythera, ...others } = figuresOf('speed-freshness', (run) => run.name === name)[0]
    const peers = Object.entries(others).filter(([side]) => side.startsWith('torch'))
    const [ours, theirs] = [antikythera.ms.p50, peers.map(([, { ms }]) => ms.p50)]
    return `${bold(ours.toFixed(0), ours <= aim)} ms; ${range(theirs, () => true, 0)}`
  }
  return [
    'from feedback to the changed answer of MiniLM, p50; torch + PEFT behind FastAPI',
    `head ${of('minilm, head', 50)}. LoRA ${of('minilm, lora', 120)}`,
    '≤ 50, 120 ms',
    '`speed freshness`',
  ]
}

function step() {
  const of = (isIt) => {
    const isOne = ({ settings: { shape, threads } }) => threads === 1 && isIt(shape)
    const times = figuresOf('speed-step', isOne).map(({ overTorch }) => overTorch)
    return range(times, atLeast(1))
  }
  return [
    'a training step of MiniLM beside torch + PEFT, by processor',
    `LoRA ${of((shape) => shape !== 'full2')}, \`full\` ${of((shape) => shape === 'full2')} ×`,
    '≥ 1 ×',
    '`speed step`',
  ]
}

function intake() {
  const all = figuresOf('intake', ({ figures }) => figures.source === 'kafka')
  const of = (mode) => all.flatMap(({ results }) => results.filter((each) => each.mode === mode))
  const rate = (mode, aim) =>
    range(
      of(mode).map(({ perSecond }) => perSecond),
      atLeast(aim),
      0,
    )
  const perCpuSecond = of('static').map(({ cpuMicrosPerEvent }) =>
    Math.round(1e6 / cpuMicrosPerEvent),
  )
  const text = range(perCpuSecond, atLeast(8000), 0)
  return [
    'events/s from Kafka: no training; a linear head; a head on `use-lite`; texts a CPU second on `static`',
    `${rate('intake', 30_000)}; ${rate('features', 10_000)}; ${rate('use-lite-head', 500)}; ${text}`,
    '30,000; 10,000; 500; 8,000',
    '`intake --kafka`',
  ]
}

/** By the draw of the product's projection, and by others, computed in torch. */
function text() {
  const isOurs = ({ name }) => name.includes(' · ranpac · of init intents ·')
  const shown = (table, isWanted) => {
    const of = (stream, figure) => {
      const runs = figuresOf(table, (run) => run.name.startsWith(stream) && isWanted(run))
      return Number(mean(runs.map((run) => run[figure])).toFixed(1))
    }
    const aims = { banking77: 93.5, clinc150: 95.5 }
    const cells = Object.entries(aims).map(([stream, aim]) => {
      const [accuracy, forgetting] = [of(stream, 'accuracy'), of(stream, 'forgetting')]
      return [
        bold(accuracy.toFixed(1), accuracy >= aim),
        bold(forgetting.toFixed(1), forgetting <= 1.5),
      ]
    })
    return `${cells.map(([right]) => right).join(', ')} %; ${cells.map(([, lost]) => lost).join(', ')}`
  }
  return [
    'banking77, clinc150, labels one after the other, one pass; forgetting',
    `${shown('continual-text', isOurs)} (other draws ${shown('text-projections', () => true)})`,
    '93.5, 95.5 %; 1.5',
    '`continual text`',
  ]
}

function fewLabels() {
  const of = (way) => cellsOf('continual-few-labels', way)
  const [ours, peer] = [of('4 layers, few_shot: contrastive'), of('SetFit, its defaults')]
  const isReached = parseFloat(ours['500 labels']) >= parseFloat(peer['500 labels'])
  const seconds = parseFloat(ours['CPU s for 500'])
  const theirs = Math.round(parseFloat(peer['CPU s for 500']))
  return [
    '500 labels at once; SetFit on the same',
    `${bold(`${ours['500 labels']} %`, isReached)} in ${bold(`${seconds} CPU s`, seconds <= 15)}; ${peer['500 labels']} % in ${grouped(theirs)}`,
    '≥ SetFit, 15 s',
    '`continual few-labels`',
  ]
}

function domains() {
  const of = (way) => {
    const cells = cellsOf('continual-text-drift', way)
    return [cells.prequential, cells['held-out at the end']].map((cell) => parseFloat(cell))
  }
  const runs = figuresOf('continual-text-defaults', ({ name }) =>
    name.startsWith('test · domains · e5-small · default · seed'),
  )
  const e5 = ['prequential', 'heldOut'].map((part) => mean(runs.map((run) => run[part])))
  const ours = of(
    'MiniLM · LoRA on the top 4 layers, averaged, with decay, memory at the cut, more passes while young (default)',
  )
  const peer = of('MiniLM · torch + peft: LoRA at full depth, reservoir of 500')
  const shown = (side) =>
    side.map((value, at) => bold(value.toFixed(1), value >= peer[at] + 1)).join(', ')
  return [
    'three domains in turn, on the way and at the end, by default: `e5-small`; `minilm`',
    `${shown(e5)} %; ${shown(ours)} %; torch + PEFT ${peer.map((value) => value.toFixed(1)).join(', ')} %`,
    'peer + 1',
    '`continual text-drift`',
  ]
}

/** On each stream the best of River's classifiers, as means over their seeds. */
function tables() {
  const aims = { phishing: 91, bananas: 89, image_segments: 94.5, elec2: 93 }
  const meanOf = (method, stream) => {
    const isOne = ({ name }) => name.startsWith(`${method} ${stream} seed`)
    const all = figuresOf('continual-tabular', isOne)
    return all.length === 0 ? 0 : mean(all.map(({ accuracy }) => accuracy))
  }
  const river = ['LogisticRegression', 'PAClassifier', 'HoeffdingTreeClassifier']
  const models = [...river, 'ARFClassifier', 'AMFClassifier'].map((model) => `River ${model}`)
  const ours = Object.entries(aims).map(([stream, aim]) => {
    const reached = meanOf('`features`, the recipe', stream)
    return bold(reached.toFixed(1), reached >= aim)
  })
  const best = Object.keys(aims).map((stream) =>
    Math.max(...models.map((model) => meanOf(model, stream))).toFixed(1),
  )
  return [
    `tables, one configuration: ${Object.keys(aims).join(', ')}; River's best`,
    `${ours.join(', ')} %; ${best.join(', ')} %`,
    `${Object.values(aims).join(', ')} %`,
    '`continual tabular`',
  ]
}

function poison() {
  const lost = (stream) => parseFloat(cellsOf('poison', stream)['lost against clean, on (points)'])
  const [hostile, flips] = [lost('hostile 90 %'), lost('flips 20 %')]
  return [
    'wrong labels from a source with 90 % of the volume; 20 % flipped labels',
    `${bold(`${hostile}`, hostile <= 1)}, ${bold(`${flips}`, flips <= 2)} points lost`,
    '≤ 1, ≤ 2',
    '`poison`',
  ]
}

function languageModel() {
  const of = (name) => figuresOf('lm-decode', (run) => run.name === name)[0].speedRatio
  const [full, int8] = [of('top'), of('int8')]
  const times = (value) => `${bold(value.toFixed(2), value >= 0.8)} ×`
  return [
    'SmolLM2 writes beside llama.cpp, one text: float32, 8 bits',
    `${times(full.one)}, ${times(int8.one)}; eight at once ${full.eight.toFixed(1)} ×, ${int8.eight.toFixed(1)} ×`,
    '≥ 0.8 ×',
    '`lm decode`',
  ]
}

function taughtFacts() {
  const [{ next, same, other, otherCited }] = figuresOf('lm-recall', ({ name }) =>
    name.startsWith('memory of 100 facts'),
  )
  const of100 = (value) => bold(value.toFixed(0), value === 100)
  return [
    'facts taught once to SmolLM2: right at the next question; after 200 others; in other words',
    `${of100(next)} of 100; ${of100(same)} of 100; ${otherCited.toFixed(0)} cite it, ${other.toFixed(0)} say it`,
    '100 of 100',
    '`lm recall`',
  ]
}

/** Of the runs that are wanted, in their order. */
function figuresOf(table, isWanted = (_run) => true) {
  return read(table)
    .runs.filter((run) => isWanted(run))
    .map(({ figures }) => figures)
}

/** A row of the kept table by its first cell, as its columns name the others. */
function cellsOf(table, first) {
  const { columns, rows } = read(table).table
  const row = rows.find(([name]) => name === first)
  if (row === undefined) throw new Error(`results/${table}.json has no row ${first}`)
  return Object.fromEntries(columns.map((column, at) => [column, row[at]]))
}

function read(table) {
  return JSON.parse(readFileSync(new URL(`../results/${table}.json`, import.meta.url), 'utf8'))
}

/** The least and the largest; one number where both look the same. */
function range(values, isReached, digits = 2) {
  const ends = [Math.min(...values), Math.max(...values)]
  const shown = ends.map((value) => (value >= 1000 ? grouped(value) : value.toFixed(digits)))
  const cells = shown.map((cell, at) => bold(cell, isReached(ends[at])))
  return shown[0] === shown[1] ? cells[0] : cells.join(' to ')
}

function atMost(aim) {
  return (value) => value <= aim
}

function atLeast(aim) {
  return (value) => value >= aim
}

function grouped(value) {
  return value.toLocaleString('en-US')
}

function bold(cell, isReached) {
  return isReached ? cell : `**${cell}**`
}
