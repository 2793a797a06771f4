/**
 * The steps of one learner: each is made at the rate of its schedule and counted, and a step that was dropped is made
 * again without the rows at fault.
 */
import type { StepResult, Trainable, TrainRow } from '../../contracts/adapter.ts'
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { LearnerParts } from '../learner-types.ts'

/** Steps of an update whose examples are only noted. */
const FEW = 8

export class Steps {
  readonly #parts: Pick<LearnerParts, 'trainable' | 'rate'>
  #made = 0
  #dropped = 0
  /** The count of steps at the beginning of the schedule. */
  #rateFrom = 0
  /** The count of steps at the beginning of the update, and how many it plans. */
  #updateFrom = 0
  #planned = 0
  #rows = 0
  /** The examples of the first steps of this update that were kept. */
  #first: (readonly Pick<Example, 'key'>[])[] = []
  /** Keys of all of them. An update of few steps hardly ever needs it. */
  #taught: Set<ExampleKey> | undefined
  #poison = new Set<ExampleKey>()
  #droppedKeys = new Set<ExampleKey>()

  constructor(parts: Pick<LearnerParts, 'trainable' | 'rate'>) {
    this.#parts = parts
  }

  /** Made, and of these dropped, in this line of versions. */
  get progress(): { readonly steps: number; readonly dropped: number } {
    return { steps: this.#made, dropped: this.#dropped }
  }

  /** Those of the steps of this update, new and replayed ones. */
  get rows(): number {
    return this.#rows
  }

  /** Keys of the examples in steps of this update that were kept, in the order of the steps. */
  get taught(): ReadonlySet<ExampleKey> {
    return this.#allTaught()
  }

  /** Whether an example is one of them. The new ones come first in their step. */
  hasTaught(key: ExampleKey): boolean {
    return this.#first.some(([first]) => first?.key === key) || this.#allTaught().has(key)
  }

  /** Keys of examples, new and replayed, that made steps of this update fail. */
  get poison(): ReadonlySet<ExampleKey> {
    return this.#poison
  }

  /** Keys of the examples in steps of this update that were dropped. */
  get droppedKeys(): readonly ExampleKey[] {
    return [...this.#droppedKeys]
  }

  restore({ steps, dropped }: { readonly steps: number; readonly dropped: number }): void {
    this.#made = steps
    this.#dropped = dropped
    this.#updateFrom = steps
    this.#planned = 0
  }

  /** The step of this update that comes next, and of about how many. */
  get underWay(): { readonly step: number; readonly of: number } {
    const step = this.#made - this.#updateFrom + 1
    return { step: Math.min(step, Math.max(1, this.#planned)), of: Math.max(1, this.#planned) }
  }

  /** Starts an update of about `steps` steps. `raised`: an alarm asks for a higher rate. */
  beginUpdate(steps: number, { raised }: { readonly raised: boolean }): void {
    this.#schedule(steps, raised)
    this.#updateFrom = this.#made
    this.#planned = steps
    this.#rows = 0
    this.#first = []
    this.#taught = undefined
    this.#poison = new Set()
    this.#droppedKeys = new Set()
  }

  /** Starts the schedule of `steps` more steps of the same update. */
  beginPass(steps: number): void {
    this.#schedule(steps, false)
    this.#planned = this.#made - this.#updateFrom + steps
  }

  step(examples: readonly Example[], rows: readonly TrainRow[], headFactor = 1): StepResult {
    const result = this.#parts.trainable.step(rows, this.#rateFactor(), headFactor)
    this.count(examples, result)
    return result.dropped ? this.#stepWithout(examples, rows, result, headFactor) : result
  }

  /** A step that also returns the logits of its rows before it: of all where they cost nothing, or else of the first `count`. */
  testAndStep(
    examples: readonly Example[],
    rows: readonly TrainRow[],
    count: number,
    continues = false,
  ): StepResult & { readonly logits: readonly Float32Array[] } {
    const { trainable } = this.#parts
    if (trainable.testAndStep === undefined) {
      const logits = trainable.score(rows.slice(0, count).map(({ latent }) => latent))
      return { ...this.step(examples, rows), logits }
    }
    const { logits, ...result } = trainable.testAndStep(rows, this.#rateFactor(), continues)
    this.count(examples, result)
    const made = result.dropped ? this.#stepWithout(examples, rows, result, 1) : result
    return { ...made, logits }
  }

  /** Counts a step that was made elsewhere. */
  count(examples: readonly Example[], { dropped }: StepResult): void {
    this.#made += 1
    this.#rows += examples.length
    if (dropped) this.#dropped += 1
    if (dropped) for (const { key } of examples) this.#droppedKeys.add(key)
    else if (this.#taught === undefined && this.#first.length < FEW) this.#first.push(examples)
    else for (const { key } of examples) this.#allTaught().add(key)
  }

  #allTaught(): Set<ExampleKey> {
    this.#taught ??= new Set(this.#first.flatMap((examples) => examples.map(({ key }) => key)))
    return this.#taught
  }

  #schedule(steps: number, raised: boolean): void {
    this.#parts.rate.begin({ steps, raised })
    this.#rateFrom = this.#made
  }

  #rateFactor(): number {
    return this.#parts.rate.factor(this.#made - this.#rateFrom)
  }

  /** The step again, without the rows that made it fail. */
  #stepWithout(
    examples: readonly Example[],
    rows: readonly TrainRow[],
    failed: StepResult,
    headFactor: number,
  ): StepResult {
    const poison = new Set(poisonIn(this.#parts.trainable, rows))
    if (poison.size === 0) return failed
    for (const { key } of [...poison].flatMap((at) => examples[at] ?? [])) this.#poison.add(key)
    const isSound = (_: unknown, at: number) => !poison.has(at)
    const sound = rows.filter(isSound)
    const result = this.#parts.trainable.step(sound, this.#rateFactor(), headFactor)
    this.count(examples.filter(isSound), result)
    return result
  }
}

/**
 * Places of the rows that made a step fail: those with an answer that is no number, or else those that fail in a step of
 * their own. Rows that fail only together, or all of them, are not at fault. This is rare, so it may take a step for each
 * row. Leaves the trainable as it was.
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
