/**
 * What the learner rehearses: the replay policy decides over keys, and here are the examples behind them and the two
 * streams of chance that it draws from. Retracted examples go for good.
 */
import type { Example, Json, Random, Replay } from '../contracts.ts'
import { invariant } from '../runtime/errors.ts'

export interface MemoryParts {
  readonly replay: Replay
  /** Which examples a step rehearses, and which learned ones stay: two streams, so that neither moves the other. */
  readonly draw: Random
  readonly offer: Random
}

export interface MemoryState {
  readonly [key: string]: Json
  readonly replay: Json
  readonly draw: string
  readonly offer: string
}

export class Memory {
  readonly #parts: MemoryParts
  readonly #examples = new Map<string, Example>()

  constructor(parts: MemoryParts) {
    this.#parts = parts
  }

  get examples(): readonly Example[] {
    return [...this.#examples.values()]
  }

  draw(count: number): readonly Example[] {
    return this.#parts.replay.draw(count, this.#parts.draw).map((key) => {
      const example = this.#examples.get(key)
      invariant(example !== undefined, 'replay holds only keys whose example is kept')
      return example
    })
  }

  remember(example: Example): void {
    const { key, target } = example
    this.#examples.set(key, example)
    const out = this.#parts.replay.offer({ key, label: target.label }, this.#parts.offer)
    if (out !== undefined) this.#examples.delete(out)
  }

  /** Whether it was there. */
  forget(key: string): boolean {
    const known = this.#examples.delete(key)
    if (known) this.#parts.replay.remove(key)
    return known
  }

  snapshot(): MemoryState {
    const { replay, draw, offer } = this.#parts
    return { replay: replay.snapshot(), draw: draw.snapshot(), offer: offer.snapshot() }
  }

  /** A key that comes without its example was retracted since the snapshot. */
  restore(state: MemoryState, examples: readonly Example[]): void {
    const { replay, draw, offer } = this.#parts
    replay.restore(state.replay)
    draw.restore(state.draw)
    offer.restore(state.offer)
    const byKey = new Map(examples.map((example) => [example.key, example]))
    this.#examples.clear()
    for (const key of replay.keys()) {
      const example = byKey.get(key)
      if (example === undefined) replay.remove(key)
      else this.#examples.set(key, example)
    }
  }
}
