/** Instant memory for the smallest things that learn: an example lies where its letters point, mixed in plain arithmetic. */
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { ChosenPolicy as Chosen } from '../../src/config/plugins/open-policy.ts'
import type { Latent } from '../../src/contracts/network.ts'
import type { KnnEngine } from '../../src/learner/memory/engines.ts'
import type { KnnMemoryParts } from '../../src/learner/memory/knn-memory.ts'

export function tinyKnnMemory(settings: Partial<Chosen> = {}): KnnMemoryParts {
  const policy = openPolicy('memory', policies.memory, {
    policy: 'knn',
    threshold: 0.9,
    ...settings,
  })
  return { policy, engine: tinyEngine, width: 8 }
}

/** As src/nn/memory.ts has it. */
const tinyEngine: KnnEngine = {
  embed: placeOf,
  mix(memory, logits, embedding) {
    const [keys, bias, head, votes, among] = [
      'memory.keys',
      'memory.bias',
      'memory.head',
      'votes.labels',
      'votes.among',
    ].map((name) => memory.get(name)!.data)
    const slots = bias!.length
    const heard = softmax(
      bias!.map((value, slot) =>
        embedding.reduce((sum, x, row) => sum + x * keys![row * slots + slot]!, value),
      ),
    )
    const share = heard.reduce((sum, a, slot) => sum + a * head![slot]!, 0)
    const own = softmax(logits.map((logit, label) => logit + (among![label]! - 1) * 1e9))
    return own.map((p, label) => {
      const voted = heard.reduce((sum, a, slot) => sum + a * votes![slot * own.length + label]!, 0)
      return Math.log(Math.max(1e-30, share * p + voted))
    })
  },
}

export function placeOf({ data }: Pick<Latent, 'data'>): Float32Array {
  const length = Math.max(1e-6, Math.hypot(...data))
  return data.map((value) => value / length)
}

function softmax(scores: Float32Array): Float32Array {
  const top = Math.max(...scores)
  const raised = scores.map((score) => Math.exp(score - top))
  const total = raised.reduce((sum, value) => sum + value, 0)
  return raised.map((value) => value / total)
}
