/**
 * The learner's steps, as generators that yield the examples that they need latents of: each beside the draws of
 * replay, or, for a policy that learns only from the buffer, over the whole buffer.
 */
import type { ExampleKey } from '../contracts/core.ts'
import type { StepResult, Trainable, TrainableState, TrainRow } from '../contracts/adapter.ts'
import type { Example } from '../contracts/task.ts'
import { batches } from '../optim/batches.ts'
import { latentsBeside, rowsBeside } from './beside.ts'
import type { LatentRequests, LearnerParts } from './learner-types.ts'
import { EarlyStop, HeldOutStop } from '../optim/early-stop.ts'
import { drawFor, latentOf, plainRows, stepRows } from './rehearsal.ts'
import type { ReplayBuffer } from './replay-buffer.ts'

export interface TrainingParts extends Pick<
  LearnerParts,
  'trainable' | 'task' | 'train' | 'rate' | 'trust' | 'maxTokens'
> {
  readonly replayBuffer: ReplayBuffer
  /** The logits of new examples before their first step, if `learn` tests in that step. */
  readonly onTested: (fresh: readonly Example[], logits: readonly Float32Array[]) => void
}

/** The block as it will be stored, and each example's logits before it was learned, if they are stored. */
export interface Learned {
  readonly block: readonly Example[]
  readonly logits: ReadonlyMap<ExampleKey, Float32Array>
}

export class Training {
  readonly #parts: TrainingParts
  #steps = 0
  #dropped = 0
  /** The count of steps at the beginning of this update. */
  #rateFrom = 0
  /** Of the examples in steps of this update that were dropped. */
  #droppedKeys = new Set<ExampleKey>()
  /** Of those that made steps of this update fail. */
  #poison = new Set<ExampleKey>()
  /** Of those in steps of this update that were kept. */
  #taught = new Set<ExampleKey>()

  #isStopped = false
  /** After the step with the lowest loss of held-out rows, and whether no step came after it. */
  #best: TrainableState | undefined
  #isBest = false

  constructor(parts: TrainingParts) {
    this.#parts = parts
  }

  /** Made, and of these dropped, in this line of versions. */
  get progress(): { readonly steps: number; readonly dropped: number } {
    return { steps: this.#steps, dropped: this.#dropped }
  }

  /** Keys of examples, new and replayed, that made steps of this update fail. */
  get poison(): ReadonlySet<ExampleKey> {
    return this.#poison
  }

  /** Whether a step of this update that was kept had it. */
  hasTaught(key: ExampleKey): boolean {
    return this.#taught.has(key)
  }

  /** Keys of the examples in those steps, in the order of the steps. */
  get taught(): readonly ExampleKey[] {
    return [...this.#taught]
  }

  /** The last update ended before all of its passes. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  get droppedKeys(): readonly ExampleKey[] {
    return [...this.#droppedKeys]
  }

  /** Counts a step that was made elsewhere. */
  made(examples: readonly Example[], result: StepResult): void {
    this.#count(examples, result)
  }

  restore({ steps, dropped }: { readonly steps: number; readonly dropped: number }): void {
    this.#steps = steps
    this.#dropped = dropped
  }

  /** Starts an update of `count` new examples. */
  begin(count: number, { raised }: { readonly raised: boolean }): void {
    const { rate, replayBuffer, train } = this.#parts
    const { epochs, batch, replay_batch } = train
    const { passes } = replayBuffer.rehearsal
    const stepsPerPass = Math.ceil((replayBuffer.examples.length + count) / (batch + replay_batch))
    const steps = passes === undefined ? epochs * Math.ceil(count / batch) : passes * stepsPerPass
    rate.begin({ steps, raised })
    this.#forgetLast()
  }

  #forgetLast(): void {
    this.#rateFrom = this.#steps
    this.#droppedKeys = new Set()
    this.#poison = new Set()
    this.#taught = new Set()
    this.#isStopped = false
    this.#best = undefined
  }

  /** Starts a pass over `count` examples that were learned before. */
  beginPass(count: number): void {
    this.#parts.rate.begin({ steps: Math.ceil(count / this.#size), raised: false })
    this.#rateFrom = this.#steps
  }

  /** `isTest`: its first step also tests the block that it learns. */
  *learn(
    block: readonly Example[],
    isTest: boolean,
    heldOut: readonly Example[] = [],
  ): LatentRequests<Learned> {
    const { batch, replay_batch, epochs, patience = 0, early_stop } = this.#parts.train
    const heldOutStop = new HeldOutStop(heldOut.length === 0 ? 0 : (early_stop?.patience ?? 0))
    const { rehearsal } = this.#parts.replayBuffer
    const stop = new EarlyStop(patience)
    const logits = new Map<ExampleKey, Float32Array>()
    let seen = block
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const learned: Example[] = []
      for (const fresh of batches(seen, batch)) {
        const drawn = yield* drawFor(fresh, replay_batch, this.#parts)
        const examples = [...fresh, ...drawn.flat()]
        const beside = yield* latentsBeside(examples, this.#parts)
        const plain = stepRows(fresh, drawn, beside.latents, rehearsal, this.#seen)
        const counted = epoch === 0 ? this.#counted(plain, fresh.length) : plain
        const rows = rowsBeside(counted, beside)
        learned.push(...fresh.map((example, at) => stamped(example, plain[at], counted[at])))
        const isFirst = epoch === 0 && (isTest || rehearsal.keepsLogits === true)
        if (!isFirst) stop.saw(this.#step(examples, rows))
        else {
          const { logits: found, ...result } = this.#testAndStep(examples, rows, fresh.length)
          stop.saw(result)
          if (isTest) this.#parts.onTested(fresh, found)
          if (rehearsal.keepsLogits === true)
            for (const [at, { key }] of fresh.entries())
              setFinite(logits, key, this.#telling(found[at]))
        }
        // Every example is learned once before any step is left out.
        if (heldOutStop.isOn && epoch > 0) yield* this.#look(heldOut, heldOutStop)
        if (heldOutStop.isDue) break
      }
      this.#isStopped = heldOutStop.isDue
      if (this.#isStopped) break
      seen = learned
      if (heldOutStop.isOn && epoch === 0 && epochs > 1) yield* this.#look(heldOut, heldOutStop)
      if (stop.isDue()) break
    }
    this.#restoreBest()
    return { block: seen, logits }
  }

  *#look(heldOut: readonly Example[], stop: HeldOutStop): LatentRequests {
    const isLowest = stop.saw(yield* this.#lossOn(heldOut))
    if (isLowest) this.#best = this.#parts.trainable.snapshot()
    this.#isBest = isLowest
  }

  /** The weights and the optimizer of the step with the lowest loss, however many came after it. */
  #restoreBest(): void {
    if (this.#best !== undefined && !this.#isBest) this.#parts.trainable.restore(this.#best)
    this.#best = undefined
  }

  /** The mean loss of the present weights. */
  *#lossOn(examples: readonly Example[]): LatentRequests<number> {
    const { trainable, task, train } = this.#parts
    let sum = 0
    for (const batch of batches(examples, train.batch + train.replay_batch)) {
      const latents = yield batch
      const logits = trainable.score(batch.map(({ key }) => latentOf(key, latents)))
      for (const [row, { target }] of batch.entries())
        sum += task.score(logits[row] ?? new Float32Array(), target, trainable.head).loss
    }
    return sum / examples.length
  }

  /** From the weights as they are now, which are fresh, over all that is kept. */
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
      const beside = yield* latentsBeside(batch, this.#parts)
      const rows = plainRows(batch, beside.latents, { trust: this.#trust })
      this.#step(batch, rowsBeside(rows, beside))
    }
  }

  /** Steps on kept examples alone, as many a step as one with new examples has rows; none where nothing is kept. */
  *rehearse(steps: number): LatentRequests {
    const { rate, replayBuffer } = this.#parts
    const { draws = 1 } = replayBuffer.rehearsal
    rate.begin({ steps, raised: false })
    this.#forgetLast()
    for (let step = 0; step < steps; step += 1) {
      const count = Math.ceil(this.#size / draws)
      const drawn = Array.from({ length: draws }, () => replayBuffer.draw(count))
      const examples = drawn.flat()
      if (examples.length === 0) return
      const beside = yield* latentsBeside(examples, this.#parts)
      const rows = stepRows([], drawn, beside.latents, replayBuffer.rehearsal, this.#seen)
      this.#step(examples, rowsBeside(rows, beside))
    }
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

  get #size(): number {
    const { batch, replay_batch } = this.#parts.train
    return batch + replay_batch
  }

  /** The first `count` rows are new: updates the statistics, and writes time-dependent values into the rows. */
  #counted(rows: readonly TrainRow[], count: number): readonly TrainRow[] {
    const latents = this.#parts.trainable.observe?.(rows.slice(0, count))
    return latents ? rows.map((row, at) => ({ ...row, latent: latents[at] ?? row.latent })) : rows
  }

  /** Those of the outputs that say something of an example. */
  #telling(outputs: Float32Array | undefined): Float32Array | undefined {
    const { task, trainable } = this.#parts
    const count = task.shared(trainable.head, trainable.head)
    return outputs === undefined || outputs.length <= count ? outputs : outputs.slice(0, count)
  }

  #step(examples: readonly Example[], rows: readonly TrainRow[]): StepResult {
    const result = this.#parts.trainable.step(rows, this.#rateFactor())
    this.#count(examples, result)
    return result.dropped ? this.#stepWithout(examples, rows, result) : result
  }

  /** With the logits of the first `count` rows before the step. */
  #testAndStep(examples: readonly Example[], rows: readonly TrainRow[], count: number) {
    const { trainable } = this.#parts
    if (trainable.testAndStep === undefined) {
      const logits = trainable.score(rows.slice(0, count).map(({ latent }) => latent))
      return { ...this.#step(examples, rows), logits }
    }
    const { logits, ...result } = trainable.testAndStep(rows, this.#rateFactor())
    this.#count(examples, result)
    const made = result.dropped ? this.#stepWithout(examples, rows, result) : result
    return { ...made, logits: logits.slice(0, count) }
  }

  /** The step again, without the rows that made it fail. */
  #stepWithout(
    examples: readonly Example[],
    rows: readonly TrainRow[],
    failed: StepResult,
  ): StepResult {
    const poison = new Set(poisonIn(this.#parts.trainable, rows))
    if (poison.size === 0) return failed
    for (const { key } of [...poison].flatMap((at) => examples[at] ?? [])) this.#poison.add(key)
    const isSound = (_: unknown, at: number) => !poison.has(at)
    const sound = examples.filter(isSound)
    const result = this.#parts.trainable.step(rows.filter(isSound), this.#rateFactor())
    this.#count(sound, result)
    return result
  }

  #rateFactor(): number {
    return this.#parts.rate.factor(this.#steps - this.#rateFrom)
  }

  #count(examples: readonly Example[], { dropped }: StepResult): void {
    this.#steps += 1
    if (!dropped) {
      for (const { key } of examples) this.#taught.add(key)
      return
    }
    this.#dropped += 1
    for (const { key } of examples) this.#droppedKeys.add(key)
  }
}

/** The stored form of an example with a changed row: the trunk of such a base returns its input. */
function stamped(example: Example, before?: TrainRow, after?: TrainRow): Example {
  if (after === undefined || after.latent === before?.latent) return example
  return { ...example, encoded: { kind: 'vector', values: after.latent.data } }
}

/** A row that made its step fail teaches nothing later either. */
function setFinite(
  logits: Map<ExampleKey, Float32Array>,
  key: ExampleKey,
  row?: Float32Array,
): void {
  if (row?.every(Number.isFinite) === true) logits.set(key, row)
}

/**
 * Which rows made a step fail: those with an answer that is no number, or else those that fail in a step of their own. Rows that fail only
 * together, or all of them, are not at fault. Rare, so that it may take a step for each row. Places of the rows; none when no row is at fault. Leaves the trainable as it was.
 */
function poisonIn(trainable: Trainable, rows: readonly TrainRow[]): readonly number[] {
  const places = [...rows.keys()]
  const logits = trainable.score(rows.map(({ latent }) => latent))
  const silent = places.filter((at) => logits[at]?.every(Number.isFinite) === false)
  if (silent.length > 0) return silent.length < rows.length ? silent : []
  const before = trainable.snapshot()
  const failing = places.filter((at) => {
    const { dropped } = trainable.step(rows.slice(at, at + 1))
    if (!dropped) trainable.restore(before)
    return dropped
  })
  return failing.length < rows.length ? failing : []
}
