/**
 * Takes examples out of the learner: out of those that wait, out of the replay buffer and memory, and out of weights
 * that are sums. Other weights keep what they learned by gradients.
 */
import type { ExampleKey } from '../contracts/core.ts'
import type { RememberedExample } from '../contracts/example.ts'
import type { ExampleMemory } from './memory/example-memory.ts'
import type { LatentMap, LearnerParts, Retraction } from './learner-types.ts'
import type { Pending } from './pending.ts'
import type { ReplayBuffer } from './replay-buffer.ts'

interface UnlearningParts extends Pick<LearnerParts, 'trainable' | 'summed' | 'summedAbout'> {
  readonly pending: Pending
  readonly replayBuffer: ReplayBuffer
  readonly memory: ExampleMemory | undefined
}

export class Unlearning {
  readonly #parts: UnlearningParts

  constructor(parts: UnlearningParts) {
    this.#parts = parts
  }

  /** Keys of the pending, replayed, memorised and summed examples about a prediction. */
  about(predictionId: string): readonly ExampleKey[] {
    const { pending, memory, replayBuffer, summedAbout } = this.#parts
    const loose = [...pending.examples, ...(memory?.items ?? [])]
    const about = loose.filter((each) => each.predictionId === predictionId)
    const keys = [...about.map(({ key }) => key), ...replayBuffer.about(predictionId)]
    return [...new Set([...keys, ...(summedAbout?.(predictionId) ?? [])])]
  }

  /**
   * Those of these examples that the weights can forget, each once. Only sums can: what they are known to have learned, or
   * what replay has where that is not known.
   */
  unlearnable(keys: readonly ExampleKey[]): readonly RememberedExample[] {
    const { trainable, replayBuffer, summed } = this.#parts
    if (trainable.forget === undefined) return []
    const each = [...new Set(keys)]
    return summed?.(each) ?? each.flatMap((key) => replayBuffer.get(key) ?? [])
  }

  /** `latents`: of the unlearnable ones, which are subtracted. Returns what has changed. */
  retract(keys: readonly ExampleKey[], latents: LatentMap): Retraction {
    const weights = this.#subtract(keys, latents)
    let learnerState = false
    for (const key of keys) {
      this.#parts.pending.remove(key)
      learnerState = this.forget(key) || learnerState
    }
    return { learnerState, weights }
  }

  /** Takes an example out of the replay buffer and memory; returns whether one of them had it. */
  forget(key: ExampleKey): boolean {
    const wasReplayed = this.#parts.replayBuffer.forget(key)
    const wasMemorised = this.#parts.memory?.forget(key) === true
    return wasReplayed || wasMemorised
  }

  /** Empties the replay buffer and memory. */
  clear(): void {
    const { replayBuffer, memory } = this.#parts
    for (const { key } of replayBuffer.examples) replayBuffer.forget(key)
    memory?.clear()
  }

  #subtract(keys: readonly ExampleKey[], latents: LatentMap): boolean {
    const rows = this.unlearnable(keys).flatMap(({ key, target, weight }) => {
      const latent = latents.get(key)
      return latent === undefined ? [] : [{ latent, target, weight }]
    })
    if (rows.length > 0) this.#parts.trainable.forget?.(rows)
    return rows.length > 0
  }
}
