/**
 * The learner: test, then train. Synchronous and without input or output; what it does depends on the examples it was
 * given and on its checkpointed state alone, so that a crash changes nothing (law 2).
 *
 * `accept` collects examples until the trigger asks for an update. `update` is a story in four sentences, told as a
 * generator: it yields the examples whose latents it wants next and is resumed with them, because latents are a cache
 * outside, and in between the process may do other things.
 */
import type {
  Decision,
  Example,
  Json,
  Latent,
  Score,
  Scores,
  Tensors,
  TrainableState,
  TrainRow,
} from '../contracts.ts'
import { invariant } from '../runtime/errors.ts'
import { batches } from './batches.ts'
import type { LatentMap, LearnerParts, Mind, Outcome, Update } from './learner-types.ts'
import { Memory } from './memory.ts'
import { Pending } from './pending.ts'
import { Scoreboard } from './scoreboard.ts'

export class Learner {
  readonly #parts: LearnerParts
  readonly #pending: Pending
  readonly #memory: Memory
  readonly #scoreboard = new Scoreboard()
  #learned = 0
  #steps = 0
  #dropped = 0

  constructor(parts: LearnerParts) {
    this.#parts = parts
    this.#memory = new Memory(parts.memory)
    this.#pending = new Pending(parts.labels, () => parts.trainable.labels)
  }

  get pending(): readonly Example[] {
    return this.#pending.examples
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  get remembered(): readonly Example[] {
    return this.#memory.examples
  }

  get scores(): Scores {
    return this.#scoreboard.scores()
  }

  /** Examples learned, steps made, and steps of these that were dropped, in this line of versions. */
  get progress(): { readonly learned: number; readonly steps: number; readonly dropped: number } {
    return { learned: this.#learned, steps: this.#steps, dropped: this.#dropped }
  }

  /** What the head knows, and what it will know after the next update. */
  get labels(): readonly string[] {
    return this.#pending.labels
  }

  /** Throws a coded error, and changes nothing, for a label that cannot be learned. */
  accept(example: Example, latents: LatentMap, nowMs: number): Decision<'wait' | 'update'> {
    const { trigger } = this.#parts
    this.#pending.add(example)
    const seen = { pending: this.#pending.size, nowMs }
    const [score] = trigger.needsScore ? this.#score([example], latents) : []
    return trigger.observe(score === undefined ? seen : { ...seen, score })
  }

  /** Forgets what waits and what would be rehearsed; weights keep what they learned. Whether memory has changed. */
  retract(keys: readonly string[]): boolean {
    let changed = false
    for (const key of keys) {
      this.#pending.remove(key)
      changed = this.#memory.forget(key) || changed
    }
    return changed
  }

  /** `live` is the version that answers; without it the rollback policy is not asked. */
  *update(live?: string): Update {
    const block = this.pending
    // Test, then train: one forward pass does both where nothing has to be decided between them.
    const tested = this.#testsInStep(block) ? [...this.#parts.trainable.labels] : undefined
    if (tested === undefined) yield* this.#test(block)
    const judged = live === undefined ? undefined : this.#judge(live)
    if (judged?.verdict === 'rollback') return rolledBack(judged.reason)
    const before = this.progress
    this.extend(this.#pending.announced(block))
    yield* this.#train(block, tested)
    this.#remember(block)
    return {
      verdict: 'learned',
      reason: `${block.length} examples`,
      learned: block.length,
      steps: this.#steps - before.steps,
      dropped: this.#dropped - before.dropped,
    }
  }

  /** Gives the head those of `labels` that it lacks; whether there were any. */
  extend(labels: readonly string[]): boolean {
    const { trainable } = this.#parts
    const added = labels.filter((label) => !trainable.labels.includes(label))
    if (added.length > 0) trainable.grow(added)
    this.#pending.headChanged()
    return added.length > 0
  }

  parameters(): Tensors {
    return this.#parts.trainable.parameters()
  }

  weights(): TrainableState {
    return this.#parts.trainable.snapshot()
  }

  mind(): Mind {
    return {
      memory: this.#memory.snapshot(),
      rollback: this.#parts.rollback.snapshot(),
      scoreboard: this.#scoreboard.snapshot(),
      ...this.progress,
    }
  }

  /** Weights and mind as they were; what is pending stays pending. */
  restore(weights: TrainableState, mind: Mind, remembered: readonly Example[]): void {
    this.#parts.trainable.restore(weights)
    this.#pending.headChanged()
    this.#memory.restore(mind.memory, remembered)
    this.#parts.rollback.restore(mind.rollback)
    this.#scoreboard.restore(mind.scoreboard)
    this.#learned = mind.learned
    this.#steps = mind.steps
    this.#dropped = mind.dropped
  }

  triggerState(): Json {
    return this.#parts.trigger.snapshot()
  }

  /** What was accepted and not learned when the checkpoint was written, and what the trigger made of it. */
  resume(pending: readonly Example[], trigger: Json): void {
    this.#pending.restore(pending)
    this.#parts.trigger.restore(trigger)
  }

  /** Scores the block with the weights as they are before they learn from it. */
  *#test(block: readonly Example[]): Generator<readonly Example[], void, LatentMap> {
    for (const batch of batches(block, this.#parts.train.batch))
      for (const score of this.#score(batch, yield batch)) this.#scoreboard.observe(score)
  }

  #score(examples: readonly Example[], latents: LatentMap): readonly Score[] {
    const { trainable, task } = this.#parts
    const rows = examples.map(({ key }) => latentOf(key, latents))
    // A head without labels answers nothing, and a label that it does not know counts as wrong.
    const silent = rows.length === 0 || trainable.labels.length === 0
    const logits = silent ? [] : trainable.score(rows)
    return examples.map(({ target }, row) =>
      task.score(logits[row] ?? new Float32Array(), target, trainable.labels),
    )
  }

  #judge(version: string): Decision<'keep' | 'rollback'> {
    return this.#parts.rollback.decide({ scores: this.scores, version })
  }

  /** Its first step is the only one that sees the weights as they are now. */
  #testsInStep(block: readonly Example[]): boolean {
    const { trainable, rollback, train } = this.#parts
    const isOneBatch = block.length > 0 && block.length <= train.batch
    return isOneBatch && rollback.looksAtScores === false && trainable.testAndStep !== undefined
  }

  /** `tested`: the labels with which the first step tests the block that it learns. */
  *#train(
    block: readonly Example[],
    tested: readonly string[] | undefined,
  ): Generator<readonly Example[], void, LatentMap> {
    const { batch, replay_batch, epochs } = this.#parts.train
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      for (const fresh of batches(block, batch)) {
        const examples = [...fresh, ...this.#memory.draw(replay_batch)]
        const latents = yield examples
        if (epoch === 0 && tested !== undefined) this.#testAndStep(fresh, examples, latents, tested)
        else this.#step(examples, latents)
      }
    }
  }

  #step(examples: readonly Example[], latents: LatentMap): void {
    const { dropped } = this.#parts.trainable.step(rowsOf(examples, latents))
    this.#count(dropped)
  }

  /** A label that came with this block was unknown to the head that is tested. */
  #testAndStep(
    fresh: readonly Example[],
    examples: readonly Example[],
    latents: LatentMap,
    labels: readonly string[],
  ): void {
    const { trainable, task } = this.#parts
    const result = trainable.testAndStep?.(rowsOf(examples, latents))
    invariant(result !== undefined, 'tested in a step by a trainable that does not')
    for (const [row, { target }] of fresh.entries()) {
      const logits = result.logits[row]?.subarray(0, labels.length) ?? new Float32Array()
      this.#scoreboard.observe(task.score(logits, target, labels))
    }
    this.#count(result.dropped)
  }

  #count(dropped: boolean): void {
    this.#steps += 1
    if (dropped) this.#dropped += 1
  }

  #remember(block: readonly Example[]): void {
    for (const example of block) {
      this.#pending.remove(example.key)
      this.#memory.remember(example)
    }
    this.#learned += block.length
  }
}

function rolledBack(reason: string): Outcome {
  return { verdict: 'rollback', reason, learned: 0, steps: 0, dropped: 0 }
}

function rowsOf(examples: readonly Example[], latents: LatentMap): readonly TrainRow[] {
  return examples.map(({ key, target, weight }) => ({
    latent: latentOf(key, latents),
    target,
    weight,
  }))
}

function latentOf(key: string, latents: LatentMap): Latent {
  const latent = latents.get(key)
  invariant(latent !== undefined, 'a latent that nobody asked for')
  return latent
}
