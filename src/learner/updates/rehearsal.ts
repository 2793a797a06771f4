/**
 * The replayed rows beside the new examples of a step, and the weight of each row: the learner's side of `Rehearsal`.
 * Written as generators, like the learner itself: they yield the examples that they need latents of next.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { TrainRow } from '../../contracts/adapter.ts'
import type { Latent } from '../../contracts/network.ts'
import type { LossPart, Rehearsal, StepRow } from '../../contracts/policy.ts'
import type { Example, Head, RememberedExample } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'
import type {
  GeneralRows,
  LatentMap,
  LatentRequests,
  LearnerParts,
  Trust,
} from '../learner-types.ts'
import type { ReplayBuffer } from '../replay-buffer.ts'

interface RehearsalParts extends Pick<LearnerParts, 'trainable' | 'task' | 'train'> {
  readonly replayBuffer: ReplayBuffer
}

interface RowWeights {
  /** Absent = all is trusted. */
  readonly trust?: ((example: Example, latent?: Latent) => Trust) | undefined
}

/**
 * Each draw's examples, up to `replay_batch` of them. Of texts it takes them until they hold as many tokens as the new ones, times
 * replay_batch / batch: a step costs what its tokens do, so one that is made for a single event costs about two, and not nine.
 */
export function* drawFor(
  fresh: readonly Example[],
  parts: RehearsalParts,
): LatentRequests<readonly (readonly RememberedExample[])[]> {
  const { replayBuffer, task, train } = parts
  const { draws = 1, candidates = 1 } = replayBuffer.rehearsal
  const { batch, replay_batch: count } = train
  const most = task.texts === undefined ? Infinity : (tokensOf(fresh) * count) / batch
  const drawn: (readonly RememberedExample[])[] = []
  for (let draw = 0; draw < draws; draw += 1) {
    const all = replayBuffer.draw(count * candidates)
    // A policy may list what it draws in any order of its own.
    const found =
      most === Infinity ? all : untilTokens(replayBuffer.shuffle(all), most * candidates)
    const fits = found.length <= count && untilTokens(found, most).length === found.length
    drawn.push(fits ? found : untilTokens(yield* mostHurt(fresh, found, count, parts), most))
  }
  return drawn
}

/** The first ones, up to the one with which they have so many. */
function untilTokens(
  examples: readonly RememberedExample[],
  most: number,
): readonly RememberedExample[] {
  let tokens = 0
  const end = examples.findIndex((example) => {
    const isFull = tokens >= most
    tokens += tokensOf([example])
    return isFull
  })
  return end === -1 ? examples : examples.slice(0, end)
}

/** A prompt before several answers counts once. */
function tokensOf(examples: readonly Example[]): number {
  return examples.reduce((sum, { encoded: { data, sequences = [] } }) => {
    const again = sequences.slice(1).reduce((all, { answerFrom }) => all + answerFrom, 0)
    return sum + data.length - again
  }, 0)
}

/** The new rows first. */
export function stepRows(
  fresh: readonly Example[],
  drawn: readonly (readonly RememberedExample[])[],
  latents: LatentMap,
  rehearsal: Rehearsal,
  { trust, ...seen }: RowWeights & { readonly task: Pick<Task, 'classes'>; readonly head: Head },
): readonly TrainRow[] {
  const weigh = (example: RememberedExample) => weighed(example, latents, trust)
  const facts = (example: RememberedExample) => factsOf(weigh(example), seen)
  const counted = rehearsal.parts?.({
    fresh: fresh.map(facts),
    replayed: drawn.map((draw) => draw.map(facts)),
  })
  const rows = fresh.map((example, at) => rowOf(weigh(example), latents, counted?.fresh[at]))
  // Plain loops, because this is every row of every step.
  for (let of = 0; of < drawn.length; of += 1) {
    const draw = drawn[of] ?? []
    const parts = counted?.replayed[of]
    for (let at = 0; at < draw.length; at += 1) {
      const example = draw[at]
      if (example === undefined) continue
      rows.push(rowOf(weigh(example), latents, parts?.[at], true))
    }
  }
  return rows
}

/** Rows that count as they are. */
export function plainRows(
  examples: readonly Example[],
  latents: LatentMap,
  { trust }: RowWeights = {},
): readonly TrainRow[] {
  return examples.map((example) => rowOf(weighed(example, latents, trust), latents))
}

/** Weighs an example by the present trust in it. The stored example keeps its own weight, because trust changes. */
function weighed(
  example: RememberedExample,
  latents: LatentMap,
  trust: RowWeights['trust'],
): WeighedRow {
  const found = trust?.(example, latents.get(example.key))
  if (found === undefined) return example
  const { key, target, logits } = example
  const weight = found.weight * example.weight
  const doubt = found.doubt > 0 ? found.doubt : undefined
  return { key, target, weight, doubt, logits }
}

interface WeighedRow extends Pick<RememberedExample, 'key' | 'target' | 'weight'> {
  readonly doubt?: number | undefined
  readonly logits?: Float32Array | undefined
}

/**
 * Maximally interfered retrieval: of the candidates, those that a step on the new examples alone would make worse
 * most. The step is really made and then undone, so it is exactly the optimizer's step.
 *
 *   argmax  loss(x; θ′) − loss(x; θ),   θ′ = θ after a step on the new examples
 *
 * Aljundi et al. (2019), "Online continual learning with maximally interfered retrieval", NeurIPS.
 */
function* mostHurt(
  fresh: readonly Example[],
  candidates: readonly RememberedExample[],
  count: number,
  { trainable, task }: RehearsalParts,
): LatentRequests<readonly RememberedExample[]> {
  const latents = yield [...fresh, ...candidates]
  const losses = () => {
    const logits = trainable.score(candidates.map(({ key }) => latentOf(key, latents)))
    return candidates.map(
      ({ target }, at) => task.score(logits[at] ?? new Float32Array(), target, trainable.head).loss,
    )
  }
  const before = losses()
  const state = trainable.snapshot()
  trainable.step(fresh.map((example) => rowOf(example, latents)))
  const rises = losses().map((loss, at) => loss - (before[at] ?? 0))
  trainable.restore(state)
  const order = candidates.map((_, at) => at).sort((a, b) => at(rises, b) - at(rises, a) || a - b)
  return order.slice(0, count).flatMap((place) => candidates[place] ?? [])
}

function factsOf(
  { target, weight, logits }: WeighedRow,
  { task, head }: { readonly task: Pick<Task, 'classes'>; readonly head: Head },
): StepRow {
  const columns = task.classes?.columns(target, head) ?? []
  return { columns, weight, hasLogits: logits !== undefined }
}

function rowOf(
  { key, target, weight, doubt, logits }: WeighedRow,
  latents: LatentMap,
  part?: LossPart,
  isReplayed = false,
): TrainRow {
  const latent = latentOf(key, latents)
  // Made for every row of every step, so without the spreads that would be shorter.
  const row: Writable<TrainRow> = isReplayed
    ? { latent, target, weight, isReplayed }
    : { latent, target, weight }
  if (doubt !== undefined) row.doubt = doubt
  if (part !== undefined) row.part = part
  if (logits !== undefined) row.logits = logits
  return row
}

type Writable<Of> = { -readonly [Key in keyof Of]: Of[Key] }

export function latentOf(key: ExampleKey, latents: LatentMap): Latent {
  const latent = latents.get(key)
  invariant(latent !== undefined, 'a latent was delivered without a request')
  return latent
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? 0
}

interface Supplement {
  readonly latents: LatentMap
  /** Mismatched pairs, by the place of their example. */
  readonly pairs: ReadonlyMap<number, Example>
  readonly general: readonly Example[]
}

/**
 * What texts need beside the examples of a step; `step` counts those before it.
 *
 * Mismatched pairs, for losses that compare with them: for a rating, how the adapter answers another row's prompt
 * with that answer (KTO's reference point). The answers of a step are shifted by one row, so that each stands beside
 * a prompt that it does not belong to. Nothing learns from these pairs.
 *
 * General rows, which no event teaches: they hold what the model could do before. They are taken in turn.
 *
 * Ethayarajh et al. (2024), "KTO: model alignment as prospect theoretic optimization", ICML.
 */
export function* latentsBeside(
  examples: readonly Example[],
  {
    task: { texts },
    maxTokens = Infinity,
    general: rows,
  }: Pick<LearnerParts, 'task' | 'maxTokens' | 'general'>,
  step: number,
): LatentRequests<Supplement> {
  if (texts === undefined) return { latents: yield examples, pairs: NO_PAIRS, general: NO_ROWS }
  const pairs = turned(examples, texts, maxTokens)
  const general = rows === undefined ? NO_ROWS : inTurn(rows, step)
  return { latents: yield [...examples, ...pairs.values(), ...general], pairs, general }
}

const NO_PAIRS: ReadonlyMap<number, Example> = new Map()
const NO_ROWS: readonly Example[] = []

function inTurn({ batch, examples }: GeneralRows, step: number): readonly Example[] {
  const count = Math.min(batch, examples.length)
  return Array.from(
    { length: count },
    (_, at) => examples[(step * count + at) % examples.length],
  ).filter((example) => example !== undefined)
}

/** The rows of a step: those of its examples, in their order, and behind them the general ones. */
export function rowsBeside(
  rows: readonly TrainRow[],
  { pairs, general, latents }: Supplement,
): readonly TrainRow[] {
  if (pairs.size === 0 && general.length === 0) return rows
  const compared = rows.map((row, at) => {
    const pair = pairs.get(at)
    return pair === undefined ? row : { ...row, beside: latentOf(pair.key, latents) }
  })
  const held = general.map(({ key, target, weight }): TrainRow => {
    return { latent: latentOf(key, latents), target, weight, isReplayed: true }
  })
  return [...compared, ...held]
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
