/**
 * A generation has no head of its own: its answers come from the base's vocabulary. A graph that serves it like a
 * classification answers the embedding of the input.
 */
import type { TaskHead } from '../../contracts/task.ts'

export const generationHead: TaskHead = {
  kind: 'generation',
  reads: 'answers',
  headIn: () => [],
  outputs: () => Infinity,
  parameters: () => [],
  grow: (_name, tensor) => tensor,
  logits: (_ops, embedding) => embedding,
  scale: () => 1,
}
