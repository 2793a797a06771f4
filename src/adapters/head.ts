/**
 * Head only: the base stays unchanged, and only the head learns, from the embedding, or from each position.
 *
 *   y = x·W + b      no additions anywhere
 *
 * The cheapest method, and the baseline that any other must beat: a linear probe, Alain & Bengio (2016), "Understanding
 * intermediate layers using linear classifier probes", arXiv:1610.01644.
 *
 *     adapter: { method: head }
 */
import type { Method, MethodPlugin } from '../contracts/adapter.ts'
import { unadapted } from '../nn/head-input.ts'
import { embedded } from './view.ts'
import { emptyConfig, fromPeft, toPeft } from './peft/peft.ts'
import { tailLayers } from './target-modules.ts'

export const head = {
  summary: 'the head alone learns, on the embedding of the base',
  settings: { tail_layers: tailLayers(0) },
  open: (): Method => headOnly,
} satisfies MethodPlugin

export const headOnly: Method = {
  name: 'head',
  parameters: () => [],
  adaptation: unadapted,
  // One vector an example, but where the head reads all of its positions.
  view: (base, reads) => (reads === 'positions' ? base : embedded(base)),
  fold: (parameters) => new Map(parameters),
  toDisk: toPeft,
  fromDisk: fromPeft,
  peftConfig: (_sites, base) => emptyConfig(base),
}
