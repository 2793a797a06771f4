/**
 * One update of the learner, from the test of its block to what it remembers of it: test, judge the live version, respond
 * to the trigger's alarm, learn, remember, and let the experts beside the adapter learn the same.
 *
 * A generator: between its steps the process does other work.
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Alarm } from '../../contracts/policy.ts'
import type { Latent } from '../../contracts/network.ts'
import type { RollbackDecision } from '../../contracts/release.ts'
import type { Example } from '../../contracts/example.ts'
import type { LossSum } from '../../evaluation/loss-gap.ts'
import { batches } from '../../optim/engines/batch.ts'
import type { ExampleMemory } from '../memory/example-memory.ts'
import type { KnnMemory } from '../memory/knn-memory.ts'
import type {
  LatentRequests,
  LearnerParts,
  LearnerState,
  LiveVersion,
  Outcome,
  UpdateOptions,
} from '../learner-types.ts'
import type { Pending, UpdateTrigger } from '../pending.ts'
import type { Prequential } from '../prequential.ts'
import { latentOf } from './rehearsal.ts'
import { Relearning } from './relearning.ts'
import type { ReplayBuffer } from '../replay-buffer.ts'
import { Training, type LearnedBlock } from './training.ts'
import type { Unlearning } from '../unlearning.ts'
import { warmUp, type WarmUpResult } from './warming.ts'

interface UpdatesParts {
  readonly learner: LearnerParts
  readonly pending: Pending
  readonly replayBuffer: ReplayBuffer
  readonly memory: ExampleMemory | undefined
  readonly knnMemory: KnnMemory | undefined
  readonly prequential: Prequential
  readonly trigger: UpdateTrigger
  readonly unlearning: Unlearning
}

/** Examples learned, steps made, and steps of these that were dropped, in this line of versions. */
interface Progress {
  readonly learned: number
  readonly steps: number
  readonly dropped: number
}

export class Updates {
  readonly #parts: UpdatesParts
  readonly #training: Training
  readonly #relearning: Relearning
  #learned = 0
  /** The count of learned examples at the last rehearsal. */
  #rehearsedAt = 0
  #replayedLoss: LossSum | undefined

  constructor(parts: UpdatesParts) {
    this.#parts = parts
    const { learner, pending, replayBuffer, prequential } = parts
    this.#training = new Training({
      ...{ ...learner, replayBuffer },
      onTested: (examples, fresh, logits) => {
        this.#replayedLoss = prequential.testedInStep(examples, fresh, logits)
      },
    })
    const training = this.#training
    this.#relearning = new Relearning({ ...learner, replayBuffer, training, pending })
  }

  /** The step that comes next in this update, and of about how many. */
  get underWay(): { readonly step: number; readonly of: number } {
    return this.#training.steps.underWay
  }

  get progress(): Progress {
    return { learned: this.#learned, ...this.#training.steps.progress }
  }

  /** Learns the pending examples; or returns a rollback, and learns nothing, if the rollback policy asks for one. */
  *run(
    live: LiveVersion | undefined,
    { heldOut = [], fresh }: UpdateOptions,
  ): LatentRequests<Outcome> {
    const { pending, prequential, memory } = this.#parts
    const block = pending.examples
    this.#replayedLoss = undefined
    const isFewShot = this.#isFewShotDue(block)
    // One forward pass tests and trains where nothing has to be decided between them.
    const isFresh = fresh === 'everything' || isFewShot || this.#startsFresh
    const testsInStep = !isFresh && prequential.canTestInStep(block)
    const judged = yield* prequential.beforeUpdate(block, { testsInStep, live })
    if (judged?.verdict === 'rollback') return rolledBack(judged)
    const before = this.progress
    const alarm = this.#respondToAlarm()
    const plan = { testsInStep, heldOut, fresh, raised: isRaised(alarm) }
    const hasRestarted = isFewShot && (yield* this.#learnFewShot(block, plan))
    if (!hasRestarted) yield* this.#learn(block, plan)
    const outcome = this.#outcomeSince(before)
    yield* this.#learnMixture(block, plan)
    memory?.published()
    const unlearned = block.filter((example) => !this.#isLearned(example))
    const learned = block.length - unlearned.length
    return {
      ...outcome,
      reason: `${learned} examples`,
      learned,
      ...(unlearned.length > 0 && { unlearned }),
      ...(this.#training.isStopped && { isStopped: true }),
      ...(hasRestarted && { hasRestarted }),
      ...(alarm && { alarm }),
    }
  }

  /** Makes steps on stored examples alone while the stream is idle; pending examples stay pending. */
  *rehearse(steps: number): LatentRequests<Outcome> {
    const before = this.progress
    this.#replayedLoss = undefined
    yield* this.#training.rehearse(steps)
    this.leaveRehearsal()
    this.#parts.memory?.published()
    return this.#outcomeSince(before)
  }

  /** Ends rehearsal until something new was learned. */
  leaveRehearsal(): void {
    this.#rehearsedAt = this.#learned
  }

  /** How many steps on stored examples to make while the stream is idle; 0 if everything was rehearsed. */
  get restSteps(): number {
    const { learner, pending } = this.#parts
    const isNew = this.#learned > this.#rehearsedAt && pending.size === 0
    // Sums count an example once, and a policy that learns from the buffer alone has made its passes over it.
    const isPossible = learner.trainable.learnsOnce !== true && !this.#relearning.isFromBufferAlone
    return isNew && isPossible ? (learner.train.rest_steps ?? 0) : 0
  }

  /** Fresh weights learn the replay buffer of an earlier adapter. `accuracy`: that of the earlier one. */
  *warmUp(examples: readonly Example[], accuracy: number): LatentRequests<WarmUpResult> {
    const { learner, replayBuffer } = this.#parts
    const parts = { ...learner, training: this.#training, replayBuffer }
    const warmed = yield* warmUp(examples, accuracy, parts)
    this.#learned = warmed.learned
    return warmed
  }

  /** The loss of the rows that the last update replayed, before it; undefined where its step did not show it. */
  get replayedLoss(): LossSum | undefined {
    return this.#replayedLoss
  }

  /** Up to `count` rows that the last update replayed, or rows of its block if none was replayed. */
  trainedOn(block: readonly Example[], count: number): readonly Example[] {
    const isNew = new Set(block.map(({ key }) => key))
    const replayed = [...this.#training.steps.taught].flatMap((key) =>
      isNew.has(key) ? [] : (this.#parts.replayBuffer.get(key) ?? []),
    )
    const rows = replayed.length > 0 ? replayed : block.filter((each) => this.#isLearned(each))
    return rows.slice(0, count)
  }

  snapshot(): Progress & Pick<LearnerState, 'rehearsed'> {
    return { ...(this.#rehearsedAt > 0 && { rehearsed: this.#rehearsedAt }), ...this.progress }
  }

  restore(state: Progress & Pick<LearnerState, 'rehearsed'>): void {
    this.#training.steps.restore(state)
    this.#learned = state.learned
    this.#rehearsedAt = state.rehearsed ?? 0
  }

  /** Whether the weights are replaced before the first step. */
  get #startsFresh(): boolean {
    const isAlarmed = this.#parts.trigger.alarm?.response === 'fresh-adapter'
    return isAlarmed || this.#relearning.isFromBufferAlone
  }

  #isFewShotDue(block: readonly Example[]): boolean {
    const learned = { before: this.#learned, after: this.#learned + block.length }
    return this.#relearning.isFewShotDue(learned)
  }

  /** Done once, also when the update is begun again on an earlier version. */
  #respondToAlarm(): Alarm | undefined {
    const { trigger, unlearning, learner } = this.#parts
    const alarm = trigger.takeAlarm()
    if (alarm?.response === 'fresh-adapter') {
      this.#relearning.restart()
      learner.rate.restore(null)
    }
    if (alarm?.response === 'fresh-adapter' || alarm?.response === 'fresh-replay')
      unlearning.clear()
    return alarm
  }

  /** Whether the few-shot policy has learned the block, on fresh weights. If not, its steps were undone. */
  *#learnFewShot(block: readonly Example[], plan: Plan): LatentRequests<boolean> {
    this.#begin(block, plan)
    const isLearned = yield* this.#relearning.fewShot(block)
    if (isLearned) this.#remember(block)
    return isLearned
  }

  *#learn(block: readonly Example[], plan: Plan): LatentRequests {
    const isFromBufferAlone = this.#relearning.isFromBufferAlone
    if (plan.fresh === 'everything' && !isFromBufferAlone) yield* this.#relearning.kept()
    this.#begin(block, plan)
    if (isFromBufferAlone) {
      this.#remember(block)
      yield* this.#relearning.fromBuffer()
    } else {
      const learned = yield* this.#training.learn(block, plan.testsInStep, plan.heldOut)
      this.#remember(learned.block, learned.logits)
    }
  }

  #begin(block: readonly Example[], { raised }: Plan): void {
    const { pending } = this.#parts
    this.#training.begin(block.length, { raised, learned: this.#learned })
    pending.extend(pending.grownFor(block))
  }

  /** A policy that learns from replay alone learns it when it is kept there. */
  #isLearned({ key }: Example): boolean {
    const { steps } = this.#training
    if (steps.poison.has(key)) return false
    return this.#relearning.isFromBufferAlone || steps.hasTaught(key)
  }

  /** `logits`: those from before the examples were learned, where they are kept. */
  #remember(block: readonly Example[], logits?: LearnedBlock['logits']): void {
    const { pending, replayBuffer } = this.#parts
    for (const example of block) {
      pending.remove(example.key)
      if (!this.#isLearned(example)) continue
      replayBuffer.remember(example, logits?.get(example.key))
      this.#learned += 1
    }
  }

  /** Examples that made a step fail are forgotten: they would make later steps fail too. */
  #outcomeSince(before: Progress): Outcome {
    const { poison, droppedKeys } = this.#training.steps
    for (const key of poison) this.#parts.unlearning.forget(key)
    const steps = this.progress.steps - before.steps
    const dropped = this.progress.dropped - before.dropped
    return {
      verdict: 'learned',
      reason: `${steps} steps on kept examples`,
      ...{ learned: 0, steps, rows: this.#training.steps.rows, dropped },
      ...(poison.size > 0 && { poison: [...poison] }),
      ...(dropped > 0 && { droppedKeys }),
    }
  }

  /** The experts beside the adapter learn what it has learned, and start again when it does. */
  *#learnMixture(block: readonly Example[], { fresh }: Plan): LatentRequests {
    const { knnMemory, replayBuffer, learner } = this.#parts
    const mixture = knnMemory?.mixture
    if (mixture === undefined) return
    const { trainable, task, train } = learner
    const { head, statistics = new Map<string, Tensor>() } = trainable
    const learned = block.filter((example) => this.#isLearned(example))
    if (fresh !== undefined) mixture.clear()
    const isNew = new Set(learned.map(({ key }) => key))
    const stored = fresh === undefined ? [] : replayBuffer.examples
    const kept = stored.filter(({ key }) => !isNew.has(key))
    for (const batch of batches([...kept, ...learned], train.batch + train.replay_batch)) {
      const latents = yield batch
      const rows = batch.map((example) => {
        const latent = latentOf(example.key, latents)
        return { target: example.target, weight: this.#weightOf(example, latent), latent }
      })
      mixture.learn(rows, head, statistics, task.outputs(head))
    }
  }

  /** By the present trust. A target that is wrong with probability p pulls with 1 − 2p of its weight. */
  #weightOf(example: Example, latent: Latent): number {
    const { weight = 1, doubt = 0 } = this.#parts.learner.trust?.(example, latent) ?? {}
    return example.weight * weight * Math.max(0, 1 - 2 * doubt)
  }
}

/** How one update learns its block. */
interface Plan extends Required<UpdateOptions> {
  readonly testsInStep: boolean
  /** The alarm asks for a higher learning rate. */
  readonly raised: boolean
}

function isRaised(alarm: Alarm | undefined): boolean {
  return alarm?.response === 'raise-rate' || alarm?.response === 'fresh-replay'
}

function rolledBack({ reason, to }: RollbackDecision): Outcome {
  const nothing = { learned: 0, steps: 0, rows: 0, dropped: 0 }
  return { verdict: 'rollback', reason, ...(to !== undefined && { to }), ...nothing }
}
