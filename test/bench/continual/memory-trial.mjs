/** What happens to one learner of the memory table, and how often it is right on the way. */
import { openRandom } from '../../../dist/src/platform/random.js'
import { mean, round } from '../lib/figures.mjs'
import { rounds } from './memory-table.mjs'
import { shuffled } from '../lib/text-stream.mjs'

/** After `CORRECT_AT` examples a label come corrections; of each, so many inputs like it are looked at. */
const [CORRECT_AT, CORRECTIONS, ALIKE] = [8, 20, 3]

/** Rounds with one example of each label, the late label's own, and the tests, half of which may be corrected. */
export function split({ labels, late, train, test }, seed) {
  const random = openRandom(seed, 'memory/stream')
  const own = (rows, label) => shuffled(rows, random).filter((row) => row.label === label)
  const queues = labels.map((label) => own(train, label))
  const least = Math.min(...queues.map(({ length }) => length))
  const stream = Array.from({ length: least }, (_, at) =>
    shuffled(
      queues.map((queue) => queue[at]),
      random,
    ),
  )
  const tests = labels.map((label) => own(test, label))
  const half = (rows) => Math.floor(rows.length / 2)
  return {
    ...{ stream, labels },
    corrigible: shuffled(
      tests.flatMap((rows) => rows.slice(0, half(rows))),
      random,
    ),
    asked: tests.flatMap((rows) => rows.slice(half(rows))),
    late: { train: own(train, late), test: own(test, late) },
  }
}

/** `open` gives a learner that knows nothing yet. */
export function trial(open, { stream, labels, corrigible, asked, late }) {
  const figures = {}
  const learner = open()
  for (const [at, round] of stream.slice(0, rounds.at(-1)).entries()) {
    learner.learn(round)
    if (rounds.includes(at + 1)) figures[`after${at + 1}`] = accuracy(learner, asked)
  }
  const rest = stream.slice(rounds.at(-1))
  learner.learn([late.train[0]])
  figures.late1 = accuracy(learner, late.test)
  // Three usual events after each of the new label.
  const usual = rest.flat().values()
  const next = () => usual.next().value
  for (const row of late.train.slice(1, 8)) learner.learn([next(), next(), next(), row])
  figures.late8 = accuracy(learner, late.test)
  const renamed = ({ label, ...row }) => ({ ...row, label: labels[labels.indexOf(label) ^ 1] })
  const meantNow = asked.map(renamed)
  for (const [at, round] of rest.slice(-16).entries()) {
    learner.learn(round.map(renamed))
    if (at === 3) figures.swapped4 = accuracy(learner, meantNow)
  }
  figures.swapped16 = accuracy(learner, meantNow)
  learner.close()
  return { ...figures, ...corrections(open(), { stream, corrigible, asked }) }
}

function corrections(learner, { stream, corrigible, asked }) {
  for (const round of stream.slice(0, CORRECT_AT)) learner.learn(round)
  learner.finish()
  const [corrected, alike] = [[], []]
  for (const row of corrigible) {
    if (corrected.length === CORRECTIONS) break
    if (learner.areRight([row])[0]) continue
    const wrong = asked.filter(({ label }) => label === row.label)
    const before = learner.areRight(wrong)
    const like = learner
      .nearest(
        row,
        wrong.filter((_, at) => !before[at]),
      )
      .slice(0, ALIKE)
    learner.learn([row])
    corrected.push(learner.areRight([row])[0])
    alike.push(...learner.areRight(like))
  }
  learner.close()
  return { corrected: percent(corrected), alike: percent(alike), corrections: corrected.length }
}

function accuracy(learner, rows) {
  return percent(learner.areRight(rows))
}

function percent(right) {
  return right.length === 0 ? null : round(100 * mean(right.map(Number)))
}
