/**
 * Mismatched pairs, for losses that compare with them: for a rating, how the adapter answers another row's prompt
 * with that answer (KTO's reference point). The answers of a step are shifted by one row, so that each stands beside
 * a prompt that it does not belong to. Nothing learns from these pairs.
 *
 * Written as generators, like the learner: they yield the examples that they need latents of next.
 *
 * Ethayarajh et al. (2024), "KTO: model alignment as prospect theoretic optimization", ICML.
 */
import type { TrainRow } from '../../contracts/adapter.ts'
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import type { LatentMap, LatentRequests, LearnerParts } from '../learner-types.ts'
import { latentOf } from './rehearsal.ts'

/** The rows beside some examples, by their place. */
export interface Beside {
  readonly latents: LatentMap
  readonly examples: ReadonlyMap<number, Example>
}

export function* latentsBeside(
  examples: readonly Example[],
  { task: { texts }, maxTokens = Infinity }: Pick<LearnerParts, 'task' | 'maxTokens'>,
): LatentRequests<Beside> {
  if (texts === undefined) return { latents: yield examples, examples: NONE }
  const beside = turned(examples, texts, maxTokens)
  return { latents: yield [...examples, ...beside.values()], examples: beside }
}

const NONE: ReadonlyMap<number, Example> = new Map()

/** In the order of the examples. */
export function rowsBeside(
  rows: readonly TrainRow[],
  { examples, latents }: Beside,
): readonly TrainRow[] {
  if (examples.size === 0) return rows
  return rows.map((row, at) => {
    const example = examples.get(at)
    return example === undefined ? row : { ...row, beside: latentOf(example.key, latents) }
  })
}

function turned(
  examples: readonly Example[],
  texts: NonNullable<Task['texts']>,
  maxTokens: number,
): ReadonlyMap<number, Example> {
  const places = [...examples.keys()].filter((at) => {
    const example = examples[at]
    return example !== undefined && texts.isMeasured(example.target)
  })
  const found = new Map<number, Example>()
  // By itself, a row has no other to stand beside.
  if (places.length < 2) return found
  for (const [index, at] of places.entries()) {
    const [own, other] = [examples[at], examples[places.at(index - 1) ?? at]]
    if (own === undefined || other === undefined) continue
    const key = `${own.key} beside ${other.key}` as ExampleKey
    found.set(at, { ...own, key, encoded: texts.exchanged(own.encoded, other.encoded, maxTokens) })
  }
  return found
}
