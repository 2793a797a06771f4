/**
 * Which stored answers a memory of answers finds for questions in other words, and which it takes for questions about what was never
 * taught: made products that differ in a name or in common words, and rules of a shop. No text is written. The default of
 * `memory: { policy: retrieval }` was chosen on these, and is tested on other facts by `lm recall`.
 *
 *   npm run bench -- lm retrieval [--fresh]
 */
import { parseArgs } from 'node:util'
import { retrieval } from '../../../dist/policies/memory/retrieval.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { round } from '../lib/figures.mjs'
import { render } from '../lib/render.mjs'
import { lmResults } from './learner.mjs'

/** Embedding, and what is not the default. The first was the default before names and margin. */
const RULES = {
  'static, by similarity': { embedding: 'static', similarity: 0.6, margin: 0, names: 'ignored' },
  'static, and names': { embedding: 'static', similarity: 0.6, margin: 0 },
  'minilm, by similarity': { embedding: 'minilm', margin: 0, names: 'ignored' },
  'minilm, and names': { embedding: 'minilm', margin: 0 },
  'minilm, names and a margin of .02': { embedding: 'minilm', margin: 0.02 },
  'default: minilm, names and a margin of .04': { embedding: 'minilm' },
  'minilm, names and a margin of .06': { embedding: 'minilm', margin: 0.06 },
  'minilm, names, margin, the two nearest': { embedding: 'minilm', count: 2 },
}
const SYLLABLES =
  'ar bo dex fen gal hu iv jor kan lo mir nex op pul qui ras sol tur ul vem wor zan'.split(' ')
const THINGS = ['drill', 'kettle', 'scooter', 'tent', 'camera', 'radio', 'mixer', 'lamp']
const COLOURS = ['blue', 'green', 'red', 'black', 'white', 'yellow']
/** As it is taught, and in other words. */
const SIDES = [
  ['How long is the warranty of the $?', 'For how many years is the $ guaranteed?'],
  ['How much does the $ weigh?', 'How heavy is the $?'],
  ['What is the article code of the $?', 'Which code do I enter to order the $?'],
  ['Who makes the $?', 'What company is the $ from?'],
  ['In which town is the $ made?', 'Where does the $ get built?'],
]
const OTHER_SIDES = [
  'Which colours does the $ come in?',
  'Is the $ waterproof?',
  'How loud is the $?',
]
const RULES_OF_SHOP = [
  ['How long can I return goods?', 'Until when may I send something back that I bought?'],
  ['What does shipping cost?', 'How much do I pay for delivery?'],
  ['Do you ship abroad?', 'Can you deliver to other countries?'],
  ['How can I pay?', 'Which means of payment do you take?'],
  ['How long does delivery take?', 'When will a parcel arrive after I order?'],
  ['Do you wrap gifts?', 'Can you pack it as a present?'],
  ['How do I get an invoice?', 'Where do I find the bill for my order?'],
  ['Is there a discount for students?', 'Do students pay less?'],
  ['When is your shop open?', 'What are your opening hours?'],
  ['How do I change my address?', 'I have moved, where do I enter my new address?'],
  ['Can I cancel an order?', 'How do I stop something that I have ordered?'],
  ['How long is the warranty?', 'For how many years are things guaranteed?'],
]
const NO_RULES = [
  ...['Can I reserve an item?', 'Do you buy used goods?', 'Is there a job for me in your company?'],
  ...['Do you have a newsletter?', 'How do I delete my account?', 'Which size fits me?'],
  ...['Can I pick up my order in the shop?', 'Do you repair things?', 'What is your phone number?'],
  ...['Do you sell gift cards?', 'What is the capital of France?', 'Tell me a joke.'],
]

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: { fresh: { type: 'boolean', default: false } },
  })
  const results = lmResults('retrieval', { fresh: values.fresh })
  const rows = []
  const sets = questionSets(openRandom(1, 'products'))
  const embed = new Map()
  for (const [name, { embedding, ...rule }] of Object.entries(RULES)) {
    const { taught, ...figures } = await results.run(name, { embedding, ...rule }, async () => {
      if (!embed.has(embedding)) embed.set(embedding, await embedder(embedding))
      return found(sets, embed.get(embedding), rule)
    })
    rows.push([name, ...Object.values(taught), ...Object.values(figures.untaught)])
  }
  const table = {
    columns: [
      ...['which are used', 'taught: names', 'common words', 'rules of a shop'],
      ...['untaught: other name', 'other common word', 'other side', 'no rule'],
    ],
    rows,
    note: `Of questions in other words about what was taught: those that get the right answer / any, in %. Of questions about what was never taught: those that get any.`,
  }
  results.show(table)
  await render()
  return table
}

/** Lessons, and questions with the place of the lesson that answers them. */
function questionSets({ below }) {
  const named = () => {
    const name = [0, 0].map(() => SYLLABLES[below(SYLLABLES.length)]).join('')
    const what = below(2) === 0 ? THINGS[below(THINGS.length)] : 100 * (1 + below(9))
    return `${name[0].toUpperCase()}${name.slice(1)} ${what}`
  }
  const names = new Set()
  while (names.size < 30) names.add(named())
  const [taught, others] = [[...names].slice(0, 15), [...names].slice(15)]
  const lessons = []
  const teach = (pairs, things) =>
    things.flatMap((thing) =>
      pairs.map(([question, asked]) => {
        lessons.push(question.replace('$', thing))
        return { asked: asked.replace('$', thing), lesson: lessons.length - 1 }
      }),
    )
  const ask = (questions, things) =>
    things.flatMap((thing) => questions.map((each) => ({ asked: each.replace('$', thing) })))
  const painted = (from, to) => [0, 1, 2].map((at) => `${COLOURS[from + at]} ${THINGS[to + at]}`)
  return {
    taught: {
      names: teach(SIDES, taught),
      common: teach(SIDES, painted(0, 0)),
      rules: teach(RULES_OF_SHOP, ['']),
    },
    untaught: {
      name: ask(SIDES.flat(), others),
      word: ask(SIDES.flat(), painted(3, 0)),
      side: ask(OTHER_SIDES, taught),
      rule: ask(NO_RULES, ['']),
    },
    lessons,
  }
}

async function found({ lessons, taught, untaught }, embed, rule) {
  const settings = Object.entries(retrieval.settings).map(([name, { default: each }]) => [
    name,
    each,
  ])
  const policy = retrieval.open({ ...Object.fromEntries(settings), ...rule }).retrieval
  const stored = await embed(lessons)
  const choose = async (questions) => {
    const vectors = await embed(questions.map(({ asked }) => asked))
    return vectors.map((vector, at) => {
      const near = lessons.map((question, lesson) => ({
        ...{ question, answer: `answer ${lesson}`, lesson },
        similarity: vector.reduce((sum, each, d) => sum + each * stored[lesson][d], 0),
      }))
      const nearestFirst = near.toSorted((one, other) => other.similarity - one.similarity)
      const used = policy.choose(questions[at].asked, nearestFirst)
      const isRight = used.some(({ lesson }) => lesson === questions[at].lesson)
      return { isRight, isAny: used.length > 0 }
    })
  }
  const share = (list, of) => round((100 * list.filter(of).length) / list.length, 0)
  const any = ({ isAny }) => isAny
  const figures = { taught: {}, untaught: {} }
  for (const [name, questions] of Object.entries(taught)) {
    const chosen = await choose(questions)
    figures.taught[name] = `${share(chosen, ({ isRight }) => isRight)} / ${share(chosen, any)}`
  }
  for (const [name, questions] of Object.entries(untaught))
    figures.untaught[name] = share(await choose(questions), any)
  return figures
}

/** As the server embeds questions: the mean of the positions, at length 1. */
async function embedder(name) {
  const base = await openBase(name)
  const trunk = await openTrunkEngine(base, base.network.layers, { workers: 1, threads: 1 })
  const known = new Map()
  return async (texts) => {
    const unknown = [...new Set(texts)].filter((text) => !known.has(text))
    for (let from = 0; from < unknown.length; from += 64) {
      const block = unknown.slice(from, from + 64)
      const latents = await trunk.encode(
        block.map((text) => base.encode({ kind: 'text', text }, 256)),
      )
      for (const [at, { data, width, positions }] of latents.entries()) {
        const sum = new Float64Array(width)
        for (let d = 0; d < positions * width; d += 1) sum[d % width] += data[d]
        const length = Math.hypot(...sum)
        known.set(
          block[at],
          Array.from(sum, (each) => each / length),
        )
      }
    }
    return texts.map((text) => known.get(text))
  }
}
