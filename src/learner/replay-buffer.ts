/**
 * The learner's replay buffer: the replay policy decides over keys; this file holds the examples behind them and the
 * two random streams for draws. Retracted examples are removed for good.
 */
import type { ExampleKey, Json, Random } from '../contracts/core.ts'
import type { Rehearsal, Replay, ReplayItem } from '../contracts/policy.ts'
import type { Example, Head, RememberedExample } from '../contracts/example.ts'
import { isSilent, type SilentTask, type Task } from '../contracts/task.ts'
import { leadingOutputs, outputPositions } from '../nn/head-input.ts'
import { invariant } from '../platform/errors.ts'

export interface ReplayBufferParts {
  readonly replay: Replay
  /** Which examples a step rehearses, and which learned ones stay: two streams, so that neither moves the other. */
  readonly draw: Random
  readonly offer: Random
  readonly task: SilentTask & Pick<Task, 'size' | 'shared' | 'reads'>
}

export interface ReplayBufferState {
  readonly [key: string]: Json
  readonly replay: Json
  readonly draw: string
  readonly offer: string
  /** When this was saved, if logits are stored: the head that they refer to. Null or absent = none are. */
  readonly head?: Head
}

export class ReplayBuffer {
  readonly #parts: ReplayBufferParts
  readonly #examples = new Map<ExampleKey, RememberedExample>()
  /** Prediction → keys of the feedback about it. */
  readonly #about = new Map<string, Set<ExampleKey>>()

  constructor(parts: ReplayBufferParts) {
    this.#parts = parts
  }

  get examples(): readonly RememberedExample[] {
    return [...this.#examples.values()]
  }

  get size(): number {
    return this.#examples.size
  }

  get rehearsal(): Rehearsal {
    return this.#parts.replay.rehearsal ?? {}
  }

  draw(count: number): readonly RememberedExample[] {
    const { replay, draw, task } = this.#parts
    return replay.draw(count, draw, task.silent).map((key) => this.#example(key))
  }

  /** All that may be rehearsed in random order: Fisher & Yates (1938), as Durstenfeld (1964) has it. */
  shuffled(): readonly RememberedExample[] {
    const { replay, task } = this.#parts
    const isIn = (key: ExampleKey) => !isSilent(task, this.#example(key).target)
    return this.shuffle(replay.keys().filter(isIn)).map((key) => this.#example(key))
  }

  shuffle<Item>(items: readonly Item[]): readonly Item[] {
    const order = items.map((_, at) => at)
    for (let last = order.length - 1; last > 0; last -= 1) {
      const place = this.#parts.draw.below(last + 1)
      const [one, other] = [order[last] ?? 0, order[place] ?? 0]
      order[last] = other
      order[place] = one
    }
    return order.flatMap((at) => items[at] ?? [])
  }

  /** `logits`: those that it had before it was learned, where the policy wants them. */
  remember(example: Example, logits?: Float32Array): void {
    const kept: RememberedExample = logits === undefined ? example : { ...example, logits }
    this.#keep(kept)
    for (const key of this.#parts.replay.offer(this.#itemOf(kept), this.#parts.offer))
      this.#drop(key)
  }

  get(key: ExampleKey): RememberedExample | undefined {
    return this.#examples.get(key)
  }

  /** Whether it was there. */
  forget(key: ExampleKey): boolean {
    const known = this.#drop(key)
    if (known) this.#parts.replay.remove(key)
    return known
  }

  /** `head`: the present one. */
  snapshot(head: Head): ReplayBufferState {
    const { replay, draw, offer } = this.#parts
    return {
      replay: replay.snapshot(),
      draw: draw.snapshot(),
      offer: offer.snapshot(),
      head: this.rehearsal.keepsLogits === true ? head : null,
    }
  }

  /**
   * A key without an example was retracted since the snapshot. `head` is the head of the snapshot: an older version may
   * have other outputs after the shared ones, and stored logits say nothing about those.
   */
  restore(state: ReplayBufferState, examples: readonly RememberedExample[], head: Head): void {
    const { replay, draw, offer, task } = this.#parts
    const shared = task.shared(state.head ?? [], head)
    const cut = examples.map((example) => withLogitsOf(shared, example, task.reads))
    replay.restore(
      state.replay,
      cut.map((example) => this.#itemOf(example)),
    )
    draw.restore(state.draw)
    offer.restore(state.offer)
    const byKey = new Map(cut.map((example) => [example.key, example]))
    this.#examples.clear()
    this.#about.clear()
    for (const key of replay.keys()) {
      const example = byKey.get(key)
      invariant(example !== undefined, 'replay keeps only offered keys')
      this.#keep(example)
    }
  }

  /** Keys of stored feedback about a prediction. */
  about(predictionId: string): readonly ExampleKey[] {
    return [...(this.#about.get(predictionId) ?? [])]
  }

  #keep(example: RememberedExample): void {
    const { key, predictionId } = example
    this.#examples.set(key, example)
    if (predictionId === undefined) return
    const keys = this.#about.get(predictionId) ?? new Set()
    this.#about.set(predictionId, keys.add(key))
  }

  #drop(key: ExampleKey): boolean {
    const { predictionId = '' } = this.#examples.get(key) ?? {}
    const keys = this.#about.get(predictionId)
    keys?.delete(key)
    if (keys?.size === 0) this.#about.delete(predictionId)
    return this.#examples.delete(key)
  }

  #itemOf({ key, source, encoded, target, logits }: RememberedExample): ReplayItem {
    const { task } = this.#parts
    const { byteLength } = encoded.data
    const bytes = byteLength + key.length + task.size(target) + (logits?.byteLength ?? 0)
    return { key, strata: task.strata(target), source, bytes }
  }

  #example(key: ExampleKey): RememberedExample {
    const example = this.#examples.get(key)
    invariant(example !== undefined, 'replay holds only keys with a stored example')
    return example
  }
}

function withLogitsOf(
  outputs: number,
  { logits, ...example }: RememberedExample,
  reads: Task['reads'],
): RememberedExample {
  const kept = logits && leadingOutputs(logits, outputs, outputPositions(reads, example.encoded))
  return kept === undefined || kept.length === 0 ? example : { ...example, logits: kept }
}
