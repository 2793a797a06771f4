/** One model on one poisoned stream: each honest sentence is answered by the version that is live before its label comes. */
import { Defence } from '../../dist/src/learner/defence/defence.js'
import { openTextLearner, update } from './text-learner.mjs'
import { classificationOf, labelled } from './task.mjs'

/** As the config has them. */
export const defences = {
  maxShare: 0.1,
  fromSources: 5,
  trusted: [],
  maxWeight: 1,
  maxUpdate: 0.5,
  quarantines: true,
  sources: 1000,
}

const nothing = { kind: 'vector', values: new Float32Array() }

/** `defence`: settings, or undefined for none. In the order of the trainer's admission. */
export function poisonTrial({ engine, base, settings, seed, events, latents, defence: chosen }) {
  const task = classificationOf([], { open: true })
  const defence = chosen && new Defence(chosen, task)
  const opened = openTextLearner({ engine, base, settings, seed, trust: defence?.trust })
  const { learner, trainable } = opened
  const tally = {
    right: 0,
    honest: 0,
    kept_back: 0,
    honest_kept_back: 0,
    wrong_learned: 0,
    wrong: 0,
  }
  const known = new Map()
  const outliers = []
  const waiting = []
  const wrongKeys = new Set()
  let consulted = new Set()
  const learn = (example, isWrong) => {
    if (isWrong) tally.wrong_learned += 1
    if (learner.accept(example, known, 0).verdict !== 'update') return
    update(learner, known)
    isStale = true
    if (defence === undefined) return
    consulted = consult(defence, learner, known, outliers)
    isStale = false
    for (const each of outliers.splice(0)) {
      const isBack = defence.hasChanged(task.stratum(each.target))
      if (!isBack) outliers.push(each)
      else {
        tally.released = (tally.released ?? 0) + 1
        if (wrongKeys.has(each.key)) tally.wrong_released = (tally.wrong_released ?? 0) + 1
        learn(each, wrongKeys.has(each.key))
      }
    }
    for (const each of waiting.splice(0)) {
      if (!defence.hasRoom(each.example.source)) waiting.push(each)
      else {
        defence.taught(each.example.source, 0)
        learn(each.example, each.isWrong)
      }
    }
  }
  let isStale = true
  for (const { id, row, source, label, truth, isHonest } of events) {
    const latent = latents.get(row.key)
    const answer = answerOf(trainable, latent)
    if (isHonest) {
      tally.honest += 1
      if (answer === truth) tally.right += 1
    }
    const example = { ...labelled(id, nothing, label), source }
    known.set(id, latent)
    if (defence !== undefined) {
      if (isStale) consult(defence, learner, known, outliers)
      isStale = false
    }
    const score = { error: answer === label ? 0 : 1 }
    const verdict = defence?.judge({ example, latent, score, timeMs: 0 }, learner.head)
    const isWrong = !isHonest || label !== truth
    if (isWrong) tally.wrong += 1
    if (verdict?.verdict === 'keep-back') {
      tally[verdict.why] = (tally[verdict.why] ?? 0) + 1
      tally.kept_back += 1
      if (!isWrong) tally.honest_kept_back += 1
      if (verdict.why === 'outlier') outliers.push(example)
      if (isWrong) wrongKeys.add(id)
      if (verdict.why === 'over-share') waiting.push({ example, isWrong })
      continue
    }
    learn(example, isWrong)
  }
  trainable.dispose()
  const { right, honest, ...others } = tally
  return { served: right / honest, events: events.length, ...others }
}

function consult(defence, learner, known, outliers) {
  const { remembered } = learner
  const some = defence.outliersBeside(remembered.length)
  const beside = some === 0 ? [] : outliers.slice(-some)
  const kept = [...remembered, ...beside].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  defence.consult(
    kept.map((example) => ({ example, latent: known.get(example.key) })),
    learner.head,
  )
  return new Set(beside.map(({ key }) => key))
}

function answerOf(trainable, latent) {
  const [logits = []] = trainable.score([latent])
  return trainable.head[logits.indexOf(Math.max(...logits))]
}
