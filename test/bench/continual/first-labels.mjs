/**
 * The first labels: how much a model has learned after so many, in blocks of 16 as if they came in one request. Easy sentences, in
 * which one word of sixteen decides, and real ones, both of development: by the defaults, by one pass over a
 * block, by smaller blocks, and by SLDA. On one thread.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { cpuTime, mean, round, spread } from '../lib/figures.mjs'
import { accuracyOn, configOf, learnRows, openDomainLearner } from './text-drift-learner.mjs'
import { learning } from './text-drift.mjs'
import { openRandom } from '../../../dist/src/platform/random.js'
import { domainStream } from './text-drift-stream.mjs'
import { shuffled } from '../lib/text-stream.mjs'

/** Passes say more without averaged weights and memory, which the default of MiniLM has. */
const BASES = {
  'use-lite': { base: 'use-lite' },
  'MiniLM, LoRA on three layers': {
    base: 'minilm',
    settings: {
      adapter: { method: 'lora', tail_layers: 3 },
      rate: { policy: 'inverse-sqrt' },
      train: { weight_decay: 3 },
    },
  },
}
/** Of the product; what a way leaves out is its default. */
const ways = {
  'more passes while young': { train: { epochs: null } },
  'one pass': { train: { epochs: 1 } },
  'one pass, blocks of 4': {
    train: { epochs: 1 },
    trigger: { policy: 'count', every: 4, rest: 0 },
  },
  SLDA: { adapter: { method: 'slda' } },
}
const EASY = 80
/** Labels after which the real sentences are tested, at the ends of blocks. */
const MARKS = [80, 208]
/** One test is off by more than a point by chance: what comes later is the mean over these. */
const LATER = [400, 448, 496, 544, 592]

export async function measure({ seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const found = new Map()
  for (const seed of seeds)
    for (const [name, { base, settings = {} }] of Object.entries(BASES))
      for (const [way, { train, ...changed }] of Object.entries(ways)) {
        const own = { ...settings, ...changed, train: { ...settings.train, ...train } }
        const model = configOf(base, own)
        const figures = await run(`${name} · ${way} · seed ${seed}`, learning(model), async () =>
          firstLabels({ tf, whole: await openBase(base), model, seed }),
        )
        const key = `${name} · ${way}`
        if (figures !== undefined) found.set(key, [...(found.get(key) ?? []), figures])
      }
  return tableOf(found)
}

async function firstLabels(run) {
  const easy = easyRows(EASY, run.seed)
  const written = await openDomainLearner({ ...run, files: [[...easy.taught, ...easy.tested]] })
  learnRows(written, easy.taught)
  const figures = { easy: round(accuracyOn(written, easy.tested)) }
  written.trainable.dispose()
  const open = await openDomainLearner(run)
  const { taught, tested } = realRows(run.seed)
  let from = 0
  let learned = 0
  const used = cpuTime()
  const later = []
  for (const mark of [...MARKS, ...LATER]) {
    const before = used()
    learnRows(open, taught.slice(from, mark))
    learned += used() - before
    from = mark
    const accuracy = accuracyOn(open, tested)
    if (LATER.includes(mark)) later.push(accuracy)
    else figures[mark] = round(accuracy)
  }
  figures.later = round(mean(later))
  const { steps } = open.learner.updates.progress
  open.trainable.dispose()
  return { ...figures, steps, cpuSeconds: round(learned / 1000, 1) }
}

function tableOf(found) {
  return {
    columns: [
      'on sentences of development',
      `easy, ${EASY} labels`,
      ...MARKS.map((mark) => `${mark} labels`),
      `${LATER[0]} to ${LATER.at(-1)} labels`,
      'steps',
      'CPU s of learning',
      'seeds',
    ],
    rows: [...found].map(([name, runs]) => [
      name,
      ...['easy', ...MARKS, 'later', 'steps', 'cpuSeconds'].map((figure) =>
        spread(runs.map((each) => each[figure])),
      ),
      runs.length,
    ]),
    note: 'Accuracy in % on sentences that nothing learns from, mean ± standard deviation over seeds: 200 easy ones, of the same sixteen words, and 480 real ones of three sites, after so many labels in blocks of 16, or the mean of tests after 400, 448, 496, 544 and 592. Steps and CPU seconds are those of all real ones on one thread, without the layers below the cut.',
  }
}

const WORDS = {
  positive: [
    ...['lovely', 'excellent', 'brilliant', 'superb', 'delightful', 'perfect', 'wonderful'],
    ...['great', 'charming', 'splendid', 'reliable', 'impressive'],
  ],
  negative: [
    ...['awful', 'terrible', 'useless', 'broken', 'horrible', 'dreadful', 'disappointing'],
    ...['poor', 'ugly', 'faulty', 'annoying', 'miserable'],
  ],
}
const THINGS = [
  ...['phone', 'hotel', 'film', 'keyboard', 'dinner', 'service', 'battery', 'lamp', 'jacket'],
  ...['waiter', 'book', 'camera', 'chair', 'garden', 'printer', 'concert'],
]
const FRAMES = [
  (thing, word) => `The ${thing} was ${word}.`,
  (thing, word) => `We found the ${thing} ${word}, and said so.`,
  (thing, word) => `What a ${word} ${thing} that my sister bought in May!`,
  (thing, word) => `My neighbour says that this ${thing} is ${word}.`,
  (thing, word) => `After two weeks the ${thing} still looks ${word} to me.`,
  (thing, word) => `It is a ${word} ${thing} for the price, as you can see.`,
]
/** Of each label, in one draw. */
const WORDS_PER_LABEL = 8
const TESTED = 200
const SITES = ['amazon', 'imdb', 'yelp']

/** `count` sentences to learn, and others to test them with. */
function easyRows(count, seed) {
  const random = openRandom(seed, 'first-labels/easy')
  const all = Object.entries(WORDS).flatMap(([label, words]) =>
    shuffled(words, random)
      .slice(0, WORDS_PER_LABEL)
      .flatMap((word) =>
        THINGS.flatMap((thing) => FRAMES.map((frame) => ({ label, text: frame(thing, word) }))),
      ),
  )
  const rows = shuffled(all, random).map((row, at) => ({ ...row, key: `easy-${seed}-${at}` }))
  return { taught: rows.slice(0, count), tested: rows.slice(count, count + TESTED) }
}

/** Sentences of three sites, mixed. */
function realRows(seed) {
  const { stream, tests } = domainStream(SITES, 1, { isDevelopment: true })
  const taught = shuffled(stream.flat(), openRandom(seed, 'first-labels/real'))
  return { taught, tested: tests.flat() }
}
