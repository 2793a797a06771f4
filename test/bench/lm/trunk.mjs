/**
 * What the frozen layers cost for the texts of a row with one beginning: read as one row, and each by itself, in turns. 26 layers
 * of SmolLM2-135M, float32, one thread; CPU time.
 *
 *   npm run bench -- lm trunk [--rounds 7] [--fresh]
 */
import { parseArgs } from 'node:util'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { cpuTime, machine, median, round, say } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'
import { TOP } from './plan.mjs'

/** Tokens of the prompt, then of each answer. */
const ROWS = {
  'a correction': [60, 20, 30],
  'a pair': [150, 80, 100],
  'eight answers': [80, ...Array(8).fill(41)],
  'eight answers, a long prompt': [250, ...Array(8).fill(60)],
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '7' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('lm-trunk', { machine: machine(), fresh: values.fresh })
  const base = await openBase('smollm2')
  const cut = base.network.layers - TOP
  const trunk = await openTrunkEngine(base, cut, { trunkWorkers: 1 })
  const rows = []
  for (const [name, tokens] of Object.entries(ROWS)) {
    const settings = { base: base.name, cut, tokens, threads: 1, rounds: Number(values.rounds) }
    const figures = await results.run(name, settings, () => compared(trunk, settings))
    rows.push({ name, ...figures })
  }
  await trunk.close()
  results.show(rows)
  return { rows }
}

async function compared(trunk, { tokens: [prompt, ...answers], rounds }) {
  const random = openRandom(1, 'tokens')
  const drawn = (count) => Array.from({ length: count }, () => 100 + random.below(40_000))
  const asked = drawn(prompt)
  const texts = answers.map((count) => [...asked, ...drawn(count)])
  const together = {
    data: Int32Array.from(texts.flat()),
    sequences: texts.map(({ length }) => ({ length, answerFrom: prompt })),
  }
  // The last token of a text predicts nothing, and is read by neither side.
  const alone = texts.map((text) => ({ data: Int32Array.from(text.slice(0, -1)) }))
  const sides = { together: [together], alone }
  const times = { together: [], alone: [] }
  for (let at = 0; at <= rounds; at += 1)
    for (const [name, rows] of Object.entries(sides)) {
      const elapsed = cpuTime()
      await trunk.encode(rows)
      // The first one makes what is made once.
      if (at > 0) times[name].push(elapsed())
    }
  const [togetherMs, aloneMs] = [median(times.together), median(times.alone)]
  say(`${prompt} + ${answers.join(', ')}: ${round(togetherMs, 0)} of ${round(aloneMs, 0)} ms`)
  return {
    togetherMs: round(togetherMs, 0),
    aloneMs: round(aloneMs, 0),
    ratio: round(togetherMs / aloneMs, 2),
  }
}
