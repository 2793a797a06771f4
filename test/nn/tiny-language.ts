/** Tiny random decoders, and versions of them for a task that writes texts, without the task. */
import { fileURLToPath } from 'node:url'
import { lora } from '../../src/adapters/lora.ts'
import { openCausal } from '../../src/bases/causal/causal.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { TaskHead } from '../../src/contracts/task.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { Version } from '../../src/versions/contract.ts'
import { randomVersion } from './random-version.ts'

/** qwen2 has biases, qwen3 norms of heads, gemma3 a layer with a window, and heads of 16. */
export const decoders = ['llama', 'qwen2', 'qwen3', 'gemma3'] as const
export type Decoder = (typeof decoders)[number]

export async function openTiny(name: Decoder = 'llama'): Promise<Base> {
  const folder = new URL(`../reference/tiny-causal/${name}`, import.meta.url)
  return openCausal(fileURLToPath(folder))
}

/** It has no tensors, as the vocabulary is the base's. */
export const writing: TaskHead = {
  kind: 'writing',
  reads: 'positions',
  headIn: () => [],
  outputs: () => 1,
  parameters: () => [],
  grow: (_name, tensor) => tensor,
  logits: (_ops, embedding) => embedding,
  scale: () => 1,
}

export const config = (rank = 4) => ({
  method: 'lora',
  rank,
  alpha: 8 * rank,
  target_modules: ['query', 'key', 'value', 'gate'],
  tail_layers: 1,
})

export function versionOfTiny(base: Base, seed: number, rank = 4): Version {
  const plan = { base, method: lora, task: writing, config: config(rank), outputs: 1, facts: {} }
  return randomVersion(plan, openRandom(seed, 'tiny'))
}

export const parts = { methods: { lora }, tasks: { writing } }
