/**
 * What the memory of MiniLM's default costs an answer: CPU milliseconds of one sentence in the serving engine, with LoRA on the top four
 * layers alone, beside a full memory that compares by the base's embedding, and beside one that compares at the cut.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { answerCosts } from './memory-cost.mjs'
import { LABELS } from './text-drift-learner.mjs'
import { allRows } from './text-drift-stream.mjs'

const adapter = { method: 'lora', tail_layers: 4, rank: 8, alpha: 16 }
const memory = { policy: 'knn', capacity: 256, keep: 'mistakes' }
const ways = {
  'without memory': { adapter },
  'memory by the embedding': { adapter, memory },
  'memory at the cut': { adapter, memory: { ...memory, compare: 'cut' } },
}

export async function measure({ run }) {
  const costs = await run('answers', { ways }, async () =>
    answerCosts(
      await openBase('minilm'),
      ways,
      { labels: LABELS, test: allRows() },
      memory.capacity,
    ),
  )
  const plain = costs['without memory'].ms
  return {
    columns: ['LoRA on the top four layers of MiniLM', 'ms an answer', 'times', 'KiB a version'],
    rows: Object.entries(costs).map(([way, { ms, bytes }]) => [
      way,
      ...[ms.toFixed(2), (ms / plain).toFixed(2), Math.round(bytes / 1024)],
    ]),
    note: `CPU milliseconds of one text in the serving engine, ${memory.capacity} examples in the memory: the ways took turns, twenty rounds of twenty texts, medians.`,
  }
}
