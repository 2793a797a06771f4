/**
 * How soon a correction counts: after one pass over three domains, sentences that nothing learned and that are answered
 * wrongly are corrected one after another, each by an update of its own, up to four times, until the answer is right. After the
 * first correction of each, copies of it with small changes are asked, of those that were answered wrongly before it.
 * On development data, as `chosen-text-drift`; with steps of 16 replayed examples beside the one.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { bases, learning } from './text-drift.mjs'
import { candidates } from './chosen-text-drift.mjs'
import { mean, round, spread } from '../lib/figures.mjs'
import {
  accuracyOn,
  configOf,
  errorsOn,
  learnRows,
  openDomainLearner,
} from './text-drift-learner.mjs'
import { allRows, domainStream } from './text-drift-stream.mjs'

const SITES = ['amazon', 'imdb', 'yelp']
const WAYS = [
  '2 layers',
  '2 layers, averaged 0.9',
  '3 layers, rate 0.0005, decay 3',
  '3 layers, falling rates, decay 3',
  '3 layers, falling rates, decay 3, more passes while young',
  '3 layers, averaged 0.9, decay 3',
  '4 layers, averaged 0.9, decay 3',
  '4 layers, averaged 0.9, decay 3, memory',
  '4 layers, averaged 0.9, decay 3, memory at the cut',
]
/** A person gives up after that many. */
const MOST = 4
/** Sentences corrected in a run, at most. */
const CORRECTED = 24
/** As people send a text again. */
const COPIES = {
  'without marks': (text) => text.toLowerCase().replace(/[.,!?;:'"]/g, ''),
  'another end': (text) => `${text.replace(/[.!?]+$/, '')}, thanks.`,
  'another beginning': (text) => `Well, ${text}`,
  'a word less': (text) => {
    const words = text.split(' ')
    return words.filter((_, at) => at !== words.length >> 1).join(' ')
  },
  'a slip': (text) => text.replace(/([a-z])([a-z])(?=[a-z]{3})/, '$2$1'),
}

export async function measure({ seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const whole = await openBase(bases.MiniLM())
  const found = new Map()
  for (const seed of seeds.slice(0, 3))
    for (const way of WAYS) {
      const model = configOf(bases.MiniLM(), candidates.MiniLM[way])
      const parts = domainStream(SITES, seed, { isDevelopment: true })
      const figures = await run(`${way} · seed ${seed}`, learning(model), () =>
        correctionsRun({ tf, whole, model, seed, parts }),
      )
      if (figures !== undefined) found.set(way, [...(found.get(way) ?? []), figures])
    }
  return tableOf(found)
}

async function correctionsRun({ parts: { stream, tests }, ...run }) {
  const tested = tests.flat()
  const copies = tested.flatMap(copiesOf)
  const open = await openDomainLearner({ ...run, files: [allRows(), copies] })
  for (const rows of stream) learnRows(open, rows)
  const before = accuracyOn(open, tested)
  const errors = errorsOn(open, tested)
  const wrong = tested.filter((_, at) => errors[at] > 0).slice(0, CORRECTED)
  const near = []
  const needed = wrong.map((row) => correct(open, row, near)).filter((times) => times !== 0)
  const figures = {
    ...{ before: round(before), after: round(accuracyOn(open, tested)), wrong: needed.length },
    ...{ once: within(needed, 1), twice: within(needed, 2), fourTimes: within(needed, MOST) },
    ...{ near: round(100 * mean(near)), copies: near.length },
  }
  open.trainable.dispose()
  return figures
}

function copiesOf(row) {
  return Object.entries(COPIES).flatMap(([name, change]) => {
    const text = change(row.text)
    const isOther = text !== row.text && text.trim() !== ''
    return isOther ? [{ ...row, text, key: `${row.key} ${name}` }] : []
  })
}

/**
 * How many corrections it took; 0 if an earlier one has put it right; Infinity: more than `MOST`. `near`: 1 for each wrong copy that
 * the first one has put right, 0 for each other.
 */
function correct(open, row, near) {
  const copies = copiesOf(row)
  const before = errorsOn(open, copies)
  for (let times = 0; ; times += 1) {
    if (times === 1)
      for (const [at, error] of errorsOn(open, copies).entries())
        if (before[at] > 0) near.push(error > 0 ? 0 : 1)
    if (errorsOn(open, [row])[0] === 0) return times
    if (times === MOST) return Infinity
    const again = { ...row, key: `${row.key} again ${times}` }
    open.latents.set(again.key, open.latents.get(row.key))
    learnRows(open, [again])
  }
}

function within(needed, times) {
  return round((100 * needed.filter((each) => each <= times).length) / needed.length)
}

function tableOf(found) {
  const figures = ['once', 'twice', 'fourTimes', 'near', 'before', 'after']
  return {
    columns: [
      'LoRA on MiniLM',
      ...['right after one', 'two', 'four corrections', 'copies right after one'],
      ...['held-out before', 'after all'],
      'corrected',
      'seeds',
    ],
    rows: [...found].map(([way, runs]) => [
      way,
      ...figures.map((figure) =>
        runs.some((each) => each[figure] === undefined)
          ? ''
          : spread(runs.map((each) => each[figure])),
      ),
      Math.round(mean(runs.map(({ wrong }) => wrong))),
      runs.length,
    ]),
    note: 'In %, mean ± standard deviation over seeds. Of the sentences that are answered wrongly after 1,920 learned ones, up to 24 are corrected in turn, each in updates of its own; those that an earlier correction has put right do not count. Copies: the same sentence without marks, with another beginning or end, a word less or a slip; those that were answered wrongly before.',
  }
}
