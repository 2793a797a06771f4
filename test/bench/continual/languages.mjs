/**
 * Tone that is taught in English alone and asked in six languages: by the defaults of a model on a base that reads a hundred languages,
 * and on one that reads English. The sentences are made (`languages-sentences.mjs`), because no set of people's sentences with equal
 * meanings in these languages is at hand. What is asked is never a translation of what was taught.
 *
 * Taught are made sentences, or those that people wrote on three English sites.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { mean, round, spread } from '../lib/figures.mjs'
import { shuffled } from '../lib/text-stream.mjs'
import { fewRows } from './few-labels-rows.mjs'
import { languageNames, reviewsIn, STATEMENTS } from './languages-sentences.mjs'
import {
  accuracyOn,
  configOf,
  learnRows,
  LABELS,
  openDomainLearner,
} from './text-drift-learner.mjs'
import { allRows } from './text-drift-stream.mjs'
import { learning } from './text-drift.mjs'

const bases = { 'e5-small': 'e5-small', MiniLM: 'minilm' }
const taught = ['made sentences', '500 reviews']
const everywhere = [...Array(STATEMENTS).keys()]
const madeRows = languageNames.flatMap((language) => reviewsIn(language, everywhere))

export async function measure({ seeds, run, runs }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  for (const [name, base] of Object.entries(bases)) {
    const whole = await openBase(base)
    const model = configOf(base, { train: { epochs: null } })
    for (const kind of taught)
      for (const seed of seeds)
        await run(`${kind} · ${name} · seed ${seed}`, learning(model), () =>
          languagesRun({ tf, whole, model, kind, seed }),
        )
  }
  return tableOf(runs())
}

async function languagesRun({ kind, seed, ...model }) {
  const drawn = shuffled(everywhere, openRandom(seed, 'languages'))
  const half = STATEMENTS / 2
  const [known, asked] = [drawn.slice(0, half), drawn.slice(half)]
  const rows =
    kind === 'made sentences'
      ? shuffled(reviewsIn('English', known), openRandom(seed, 'languages/order'))
      : fewRows(500, seed).taught
  const open = await openDomainLearner({ ...model, seed, files: [madeRows, allRows()] })
  learnRows(open, rows)
  const accuracy = Object.fromEntries(
    languageNames.map((language) => [
      language,
      round(accuracyOn(open, reviewsIn(language, asked))),
    ]),
  )
  open.trainable.dispose()
  const [english, ...others] = languageNames.map((language) => accuracy[language])
  return {
    taught: rows.length,
    asked:
      LABELS.length * asked.length * (madeRows.length / languageNames.length / (2 * STATEMENTS)),
    accuracy,
    behind: round(english - mean(others)),
    mostBehind: round(english - Math.min(...others)),
  }
}

function tableOf(runs) {
  const rows = taught.flatMap((kind) =>
    Object.keys(bases).map((base) => {
      const own = runs.filter(({ name }) => name.startsWith(`${kind} · ${base} · seed`))
      const cell = (of) => spread(own.map(({ figures }) => of(figures)))
      return [
        `${base} · ${kind}`,
        ...languageNames.map((language) => cell(({ accuracy }) => accuracy[language])),
        cell(({ behind }) => behind),
        cell(({ mostBehind }) => mostBehind),
      ]
    }),
  )
  return {
    columns: ['taught in English alone', ...languageNames, 'others behind', 'the last behind'],
    rows: [...rows, ['always one label', ...languageNames.map(() => '50.0'), '', '']],
    note: 'Accuracy in %, mean ± standard deviation over seeds, which draw the half of the statements that is taught and the order; defaults of a model with these two labels. Made sentences: 160 are taught, 160 others asked in each language.',
  }
}
