/**
 * How an update passes over its examples: the new ones beside the draws of replay, or, for weights that begin again, all
 * that is kept. Generators that yield the examples that they need latents of.
 */
import type { TrainRow } from '../../contracts/adapter.ts'
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example, RememberedExample } from '../../contracts/example.ts'
import { leadingOutputs, outputPositions } from '../../nn/head-input.ts'
import { batches } from '../../optim/engines/batch.ts'
import { HeldOutWatch, EarlyStop } from './held-out-watch.ts'
import type { LatentRequests, LearnerParts, TrainPlan } from '../learner-types.ts'
import { drawFor, plainRows, stepRows, latentsBeside, rowsBeside } from './rehearsal.ts'
import type { ReplayBuffer } from '../replay-buffer.ts'
import { Steps } from './steps.ts'

interface TrainingParts extends Pick<
  LearnerParts,
  'trainable' | 'task' | 'train' | 'rate' | 'trust' | 'maxTokens' | 'general'
> {
  readonly replayBuffer: ReplayBuffer
  /** The logits of examples before their first step, if `learn` tests in that step: of new ones, then of replayed ones. */
  readonly onTested: (
    examples: readonly Example[],
    fresh: number,
    logits: readonly Float32Array[],
  ) => void
}

/** The block as it will be stored, and each example's logits before it was learned, if they are stored. */
export interface LearnedBlock {
  readonly block: readonly Example[]
  readonly logits: ReadonlyMap<ExampleKey, Float32Array>
}

export class Training {
  readonly steps: Steps
  readonly #parts: TrainingParts
  #isStopped = false
  /** Those of this update over its block. */
  #passes = 1

  constructor(parts: TrainingParts) {
    this.#parts = parts
    this.steps = new Steps(parts)
  }

  /** The last update ended before all of its passes. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Starts an update of `count` new examples. `learned`: examples that these weights have learned. */
  begin(
    count: number,
    { learned, raised }: { readonly learned: number; readonly raised: boolean },
  ): void {
    const { replayBuffer, train, task } = this.#parts
    this.#passes = passesOver(count, learned, train, task)
    const { passes } = replayBuffer.rehearsal
    const stepsPerPass = Math.ceil((replayBuffer.size + count) / this.#size)
    const own = this.#passes * Math.ceil(count / freshRows(this.#parts))
    const steps = passes === undefined ? own : passes * stepsPerPass
    this.steps.beginUpdate(steps, { raised })
    this.#isStopped = false
  }

  /** Starts a pass over `count` examples that were learned before. */
  beginPass(count: number): void {
    this.steps.beginPass(Math.ceil(count / this.#size))
  }

  /** `isTest`: its first step also tests the block that it learns. */
  *learn(
    block: readonly Example[],
    isTest: boolean,
    heldOut: readonly Example[] = [],
  ): LatentRequests<LearnedBlock> {
    const { patience = 0 } = this.#parts.train
    const batch = freshRows(this.#parts)
    const epochs = this.#passes
    const watch = new HeldOutWatch(heldOut, this.#parts)
    const stop = new EarlyStop(patience)
    const logits = new Map<ExampleKey, Float32Array>()
    let seen = block
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const learned: Example[] = []
      for (const fresh of batches(seen, batch)) {
        const continues = learned.length > 0
        const pass = { epoch, isTest, stop, logits, continues }
        learned.push(...(yield* this.#learnBatch(fresh, pass)))
        // Every example is learned once before any step is left out.
        if (epoch > 0) yield* watch.look()
        if (watch.isDue) break
      }
      this.#isStopped = watch.isDue
      if (this.#isStopped) break
      seen = learned
      if (epoch === 0 && epochs > 1) yield* watch.look()
      if (stop.isDue()) break
    }
    watch.restoreBest()
    return { block: seen, logits }
  }

  /** One step on new examples, and replayed ones beside them; returns the new ones as they will be stored. */
  *#learnBatch(fresh: readonly Example[], pass: Pass): LatentRequests<readonly Example[]> {
    const { rehearsal } = this.#parts.replayBuffer
    const drawn = yield* drawFor(fresh, this.#parts)
    const examples = joined(fresh, drawn)
    const beside = yield* latentsBeside(examples, this.#parts, this.#stepNumber)
    const plain = stepRows(fresh, drawn, beside.latents, rehearsal, this.#seen)
    const counted = pass.epoch === 0 ? this.#counted(plain, fresh.length) : plain
    const rows = rowsBeside(counted, beside)
    const isFirst = pass.epoch === 0 && (pass.isTest || rehearsal.keepsLogits === true)
    if (isFirst) this.#firstStep(examples, rows, fresh, pass)
    else pass.stop.saw(this.steps.step(examples, rows, this.#headFactor(pass)))
    return fresh.map((example, at) => stamped(example, plain[at], counted[at]))
  }

  /** The only step that sees the logits of its new examples before anything was learned of them. */
  #firstStep(
    examples: readonly Example[],
    rows: readonly TrainRow[],
    fresh: readonly Example[],
    { isTest, stop, logits, continues }: Pass,
  ): void {
    const count = fresh.length
    const { logits: found, ...result } = this.steps.testAndStep(examples, rows, count, continues)
    stop.saw(result)
    if (isTest) this.#parts.onTested(examples, count, found)
    if (this.#parts.replayBuffer.rehearsal.keepsLogits !== true) return
    for (const [at, { key }] of fresh.entries())
      setFinite(logits, key, this.#telling(found[at], rows[at]))
  }

  /** Passes over all stored examples, from the present weights, which are fresh. */
  *learnAll(passes = this.#parts.replayBuffer.rehearsal.passes ?? 0): LatentRequests {
    const { replayBuffer } = this.#parts
    yield* this.count(replayBuffer.examples)
    for (let pass = 0; pass < passes; pass += 1) yield* this.pass(replayBuffer.shuffled())
  }

  /** Fresh weights have counted nothing yet, where anything is counted. */
  *count(examples: readonly Example[]): LatentRequests {
    for (const batch of batches(examples, this.#size))
      this.#counted(plainRows(batch, yield batch, { trust: this.#trust }), batch.length)
  }

  *pass(examples: readonly Example[]): LatentRequests {
    for (const batch of batches(examples, this.#size)) {
      const beside = yield* latentsBeside(batch, this.#parts, this.#stepNumber)
      const rows = plainRows(batch, beside.latents, { trust: this.#trust })
      this.steps.step(batch, rowsBeside(rows, beside))
    }
  }

  /** Steps on kept examples alone, as many a step as one with new examples has rows; none where nothing is kept. */
  *rehearse(steps: number): LatentRequests {
    const { replayBuffer } = this.#parts
    const { draws = 1 } = replayBuffer.rehearsal
    this.steps.beginUpdate(steps, { raised: false })
    this.#isStopped = false
    for (let step = 0; step < steps; step += 1) {
      const count = Math.ceil(this.#size / draws)
      const drawn = Array.from({ length: draws }, () => replayBuffer.draw(count))
      const examples = drawn.flat()
      if (examples.length === 0) return
      const beside = yield* latentsBeside(examples, this.#parts, this.#stepNumber)
      const rows = stepRows([], drawn, beside.latents, replayBuffer.rehearsal, this.#seen)
      this.steps.step(examples, rowsBeside(rows, beside))
    }
  }

  /** General rows follow it, so that a step has the same ones after a restart. */
  get #stepNumber(): number {
    return this.steps.progress.steps
  }

  #headFactor({ epoch }: Pass): number {
    const isAdditional = epoch > 0 && this.#parts.train.epochs === undefined
    return isAdditional ? HEAD_AGAIN : 1
  }

  get #seen() {
    const { task, trainable } = this.#parts
    return { task, head: trainable.head, trust: this.#trust }
  }

  /** Sums keep what an example weighed when it was learned, so that it can be taken out again. */
  get #trust(): TrainingParts['trust'] {
    const { trainable, trust } = this.#parts
    return trainable.learnsOnce === true ? undefined : trust
  }

  /** Rows of a step. */
  get #size(): number {
    const { batch, replay_batch } = this.#parts.train
    return batch + replay_batch
  }

  /** The first `count` rows are new: updates the statistics, and writes time-dependent values into the rows. */
  #counted(rows: readonly TrainRow[], count: number): readonly TrainRow[] {
    const latents = this.#parts.trainable.observe?.(rows.slice(0, count))
    if (latents === undefined) return rows
    const counted = [...rows]
    for (const [at, latent] of latents.entries()) {
      const row = rows[at]
      if (row !== undefined) counted[at] = { ...row, latent }
    }
    return counted
  }

  /** Those of the outputs that say something of an example. */
  #telling(outputs: Float32Array | undefined, row: TrainRow | undefined) {
    const { task, trainable } = this.#parts
    const count = task.shared(trainable.head, trainable.head)
    if (outputs === undefined || row === undefined) return undefined
    return leadingOutputs(outputs, count, outputPositions(task.reads, row.latent)).slice()
  }
}

/** The engine computes embeddings and sums of so many rows at once, and little memory holds them. */
const SUMMED = 1024

/** The most new examples of a step. Sums are the same however they are grouped. */
function freshRows({ trainable, train }: Pick<LearnerParts, 'trainable' | 'train'>): number {
  return trainable.learnsOnce === true ? Math.max(SUMMED, train.batch) : train.batch
}

/** A young adapter makes a step for every so many new examples; to write texts in a new form it needs more steps. */
const EXAMPLES_PER_STEP = 3
const TEXTS_PER_STEP = 2
/** It is young until it has learned so many. Then its steps become fewer, fast: many steps on a few hundred examples overfit. */
const YOUNG = 80
const MOST_PASSES = 8
/** Of the head's learning rate, in its additional passes: it learns ten times faster than the layers below, and overfits first. */
const HEAD_AGAIN = 0.3

/**
 * Passes over `count` new examples: `epochs`, or else as many as the steps of a young adapter take. Its first steps move it far, and
 * it has few examples to make them with. Chosen on development data: policies/results-first-labels.md, for texts results-rules.md.
 *
 *   passes = min(batch, count) / perStep · min(1, (80 / learned)²), from 1 to 8
 */
export function passesOver(
  count: number,
  learned: number,
  { epochs, batch }: Pick<TrainPlan, 'epochs' | 'batch'>,
  { texts }: { readonly texts?: unknown } = {},
): number {
  if (epochs !== undefined) return epochs
  const share = Math.min(1, (YOUNG / Math.max(1, learned)) ** 2)
  const perStep = texts === undefined ? EXAMPLES_PER_STEP : TEXTS_PER_STEP
  const passes = Math.round((Math.min(batch, count) / perStep) * share)
  return Math.min(MOST_PASSES, Math.max(1, passes))
}

/** Made for every step: `flat` would take several times as long. */
function joined(
  fresh: readonly Example[],
  drawn: readonly (readonly RememberedExample[])[],
): readonly RememberedExample[] {
  const examples: RememberedExample[] = [...fresh]
  for (const draw of drawn) for (const example of draw) examples.push(example)
  return examples
}

/** Shared by the steps of one pass of an update. */
interface Pass {
  readonly epoch: number
  readonly isTest: boolean
  readonly stop: EarlyStop
  /** Not the first step of the block. */
  readonly continues: boolean
  readonly logits: Map<ExampleKey, Float32Array>
}

/** The stored form of an example with a changed row: the trunk of such a base returns its input. */
function stamped(example: Example, before?: TrainRow, after?: TrainRow): Example {
  if (after === undefined || after.latent === before?.latent) return example
  return { ...example, encoded: { data: after.latent.data } }
}

/** A row that made its step fail teaches nothing later either. */
function setFinite(
  logits: Map<ExampleKey, Float32Array>,
  key: ExampleKey,
  row?: Float32Array,
): void {
  if (row?.every(Number.isFinite) === true) logits.set(key, row)
}
