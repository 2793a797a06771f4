/** One model on one poisoned stream: each honest sentence is answered by the present version before its label comes. */
import { Defence } from '../../../dist/src/learner/defence/defence.js'
import { openTextLearner, update } from '../lib/text-learner.mjs'
import { classificationOf, labelled } from '../lib/learner.mjs'

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

/** How many of so many first answers are right is a figure of its own. */
export const FIRST = [60, 120, 240, 480]

const nothing = { data: new Float32Array() }
const RECENT = 200
const TAINTED = 0.05

/** `defence`: settings, or undefined for none. `tested`: rows to answer at the end. The steps of the trainer's admission, in their order, without its shell. */
export function poisonTrial({ engine, base, settings, seed, latents, defence: chosen, ...stream }) {
  const { events, tested = [] } = stream
  const task = classificationOf([], { open: true })
  const defence = chosen && new Defence(chosen, task)
  const opened = openTextLearner({ engine, base, settings, seed, trust: defence?.trust })
  const trial = new Trial({ ...opened, task, defence })
  for (const event of events) trial.take(event, latents.get(event.row.key))
  const right = tested.filter(({ key, label }) => {
    return answerOf(opened.trainable, latents.get(key)) === label
  })
  opened.trainable.dispose()
  return { ...trial.result, ...(tested.length > 0 && { tested: right.length / tested.length }) }
}

class Trial {
  #parts
  #known = new Map()
  #quarantine = []
  #places = 0
  #first = []
  #tally = { honest: 0, right: 0, wrong: 0, wrong_learned: 0, kept_back: 0, right_kept_back: 0 }

  constructor(parts) {
    this.#parts = parts
  }

  get result() {
    const { honest, right, ...others } = this.#tally
    const { learner, defence } = this.#parts
    return {
      ...{ served: right / honest, first: this.#first, honest, ...others },
      quarantine: this.#quarantine.length,
      recent: learner.scores.accuracy_recent,
      ...(defence?.report.majority && { majority: defence.report.majority }),
    }
  }

  take({ id, row, source, label, truth, isHonest }, latent) {
    const { trainable, learner, defence } = this.#parts
    const answer = answerOf(trainable, latent)
    if (isHonest) {
      this.#tally.honest += 1
      if (answer === truth) this.#tally.right += 1
      if (FIRST.includes(this.#tally.honest)) this.#first.push(this.#tally.right)
    }
    const isWrong = !isHonest || label !== truth
    if (isWrong) this.#tally.wrong += 1
    const example = { ...labelled(id, nothing, label), source }
    this.#known.set(id, latent)
    const entry = { at: (this.#places += 1), example, isWrong }
    if (defence === undefined) return this.#learn(entry)
    this.#consult()
    const score = () => ({ error: answer === label ? 0 : 1 })
    const judgement = defence.judge({ example, latent, score, timeMs: 0 }, learner.head)
    if (judgement.verdict === 'learn')
      return this.#learn({ ...entry, example: { ...example, weight: judgement.weight } })
    this.#tally.kept_back += 1
    if (!isWrong) this.#tally.right_kept_back += 1
    this.#quarantine.push({ ...entry, why: judgement.why })
  }

  #learn({ example, isWrong }) {
    const { learner, trainable, defence } = this.#parts
    if (isWrong) this.#tally.wrong_learned += 1
    if (learner.accept(example, this.#known, 0).verdict !== 'update') return
    this.#consult()
    const isTainted = defence !== undefined && this.#removeHostile()
    const before = trainable.snapshot()
    update(learner, this.#known, { fresh: isTainted ? 'everything' : undefined })
    if (defence === undefined) return
    if (!isTainted) learner.boundUpdate(before, defences.maxUpdate)
    defence.keptChanged()
    for (const entry of this.#released()) {
      defence.taught(entry.example.source, 0)
      this.#learn(entry)
    }
  }

  /** What sources taught that are recognised now; whether the weights have to begin again. */
  #removeHostile() {
    const { defence, learner } = this.#parts
    const isHostile = defence.takeHostile()
    if (isHostile === undefined) return false
    const isTheirs = ({ source }) => isHostile(source)
    const kept = learner.remembered
    const learned = kept.filter(isTheirs)
    const pending = learner.pending.filter(isTheirs)
    const taken = [...learned, ...(pending.length < learner.pendingCount ? pending : [])]
    learner.retract(taken.map(({ key }) => key))
    for (const example of taken)
      this.#quarantine.push({ at: (this.#places += 1), example, why: 'hostile' })
    return learned.length > TAINTED * kept.length
  }

  #consult() {
    const { defence, learner } = this.#parts
    if (defence?.isOutdated !== true) return
    const outliers = this.#quarantine.filter(({ why }) => why === 'outlier')
    const examples = defence.consulted(learner.remembered, outliers)
    const kept = examples.map((example) => ({ example, latent: this.#known.get(example.key) }))
    defence.consult(kept, learner.head)
  }

  /** What an update releases, as the trainer does it. */
  #released() {
    const { defence, task } = this.#parts
    const room = new Map()
    const isDue = ({ why, at, example }) => {
      if (why === 'outlier')
        return (
          at >= this.#places - RECENT &&
          defence.hasChanged(task.strata(example.target), example.source)
        )
      if (why !== 'over-share') return false
      const left = room.get(example.source) ?? defence.roomOf(example.source)
      room.set(example.source, left - 1)
      return left >= 1
    }
    const due = this.#quarantine.filter(isDue)
    this.#quarantine = this.#quarantine.filter((entry) => !due.includes(entry))
    return due
  }
}

function answerOf(trainable, latent) {
  const [logits = []] = trainable.score([latent])
  return trainable.head[logits.indexOf(Math.max(...logits))]
}
