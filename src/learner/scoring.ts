/**
 * How weights answer examples, by the head alone or together with kNN memory. Nothing is learned. Weights other than the
 * learner's own are in place only while a batch is scored: while it waits for latents, the learner is unchanged.
 */
import type { Trainable, TrainableState } from '../contracts/adapter.ts'
import type { Example, Score } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import { batches } from '../optim/engines/batch.ts'
import type { KlReport, LossGapReport } from '../contracts/release.ts'
import { LossGap, type SeenLosses } from '../evaluation/loss-gap.ts'
import type { HeadAnswer, KnnMemory } from './memory/knn-memory.ts'
import type { MemorisedItem } from './memory/example-memory.ts'
import type {
  LatentMap,
  LatentRequests,
  VersionState,
  LearnerParts,
  LearnerState,
} from './learner-types.ts'
import { latentOf } from './updates/rehearsal.ts'

interface ScoringParts {
  readonly trainable: Trainable
  readonly task: Task
  /** The most examples of a pass: as many as a step has, which needs more memory. */
  readonly rows: number
  readonly knnMemory: KnnMemory | undefined
}

export type ScoreRequests = LatentRequests<readonly Score[]>

interface EvaluatedRows {
  readonly byHead: readonly Example[]
  readonly withMemory: readonly Example[]
}

interface EvaluatedScores {
  readonly byHead: readonly Score[]
  readonly withMemory: readonly Score[]
}

export class Scoring {
  readonly #parts: ScoringParts

  constructor(parts: ScoringParts) {
    this.#parts = parts
  }

  /** The present ones: the adapter's, and those that the experts beside it have learned. */
  weights(): TrainableState {
    const { trainable, knnMemory } = this.#parts
    const state = trainable.snapshot()
    const learned = knnMemory?.mixture?.learnedTensors() ?? []
    return { ...state, tensors: new Map([...state.tensors, ...learned]) }
  }

  /** By the head alone. */
  byHead(examples: readonly Example[], latents: LatentMap): readonly Score[] {
    const answers = this.answers(examples, latents)
    return answers.map(({ example, logits, head }) =>
      this.#parts.task.score(logits, example.target, head),
    )
  }

  /** The answers of the head alone, in one pass, as kNN memory needs them. */
  answers<Row extends Pick<Example, 'key'>>(
    examples: readonly Row[],
    latents: LatentMap,
  ): readonly (HeadAnswer & { readonly example: Row })[] {
    const { trainable, task } = this.#parts
    const { head } = trainable
    const rows = examples.map((example) => ({ example, latent: latentOf(example.key, latents) }))
    // A head without outputs answers nothing, and an unknown target counts as wrong.
    const silent = rows.length === 0 || task.outputs(head) === 0
    const logits = silent ? [] : trainable.score(rows.map(({ latent }) => latent))
    return rows.map((row, at) => ({ ...row, head, logits: logits[at] ?? new Float32Array() }))
  }

  /** Together with kNN memory, if there is one; `items`: with these instead of the present ones. */
  withMemory(
    examples: readonly Example[],
    latents: LatentMap,
    items?: readonly MemorisedItem[],
  ): readonly Score[] {
    const memory = this.#parts.knnMemory
    if (memory === undefined) return this.byHead(examples, latents)
    return this.answers(examples, latents).map(({ example, ...answer }) =>
      memory.test(example, answer, items),
    )
  }

  /** By the present weights, or by another version, each together with its kNN memory. */
  versionOn(examples: readonly Example[], version?: VersionState): ScoreRequests {
    return this.#under(version?.weights, examples, (batch, latents) =>
      this.withMemory(batch, latents, version?.memorised),
    )
  }

  /** By the head alone, with the present weights or others. */
  headOn(examples: readonly Example[], weights?: TrainableState): ScoreRequests {
    return this.#under(weights, examples, (batch, latents) => this.byHead(batch, latents))
  }

  /** By the present weights: some by the head alone, others together with kNN memory; in one pass where there is none. */
  *presentOn({ byHead, withMemory }: EvaluatedRows): LatentRequests<EvaluatedScores> {
    if (this.#parts.knnMemory === undefined) {
      const scores = yield* this.headOn([...byHead, ...withMemory])
      return { byHead: scores.slice(0, byHead.length), withMemory: scores.slice(byHead.length) }
    }
    return { byHead: yield* this.headOn(byHead), withMemory: yield* this.versionOn(withMemory) }
  }

  *#under(
    weights: TrainableState | undefined,
    examples: readonly Example[],
    score: (batch: readonly Example[], latents: LatentMap) => readonly Score[],
  ): ScoreRequests {
    const present = weights && this.weights()
    const scores: Score[] = []
    for (const batch of batches(examples, this.#parts.rows)) {
      const latents = yield batch
      if (weights !== undefined) this.#restore(weights)
      scores.push(...score(batch, latents))
      if (present !== undefined) this.#restore(present)
    }
    return scores
  }

  #restore(state: TrainableState): void {
    const { trainable, knnMemory } = this.#parts
    trainable.restore(state)
    knnMemory?.mixture?.restoreLearned(state.tensors)
  }
}

type MeasuresState = Pick<LearnerState, 'lossGap' | 'kl'>

/**
 * What is measured after each update: how much lower the loss is on rows that it trained on (overfitting), and, where the
 * task answers with texts, how far the weights are from the base (KL divergence per token).
 */
export class UpdateMeasures {
  readonly #parts: Pick<LearnerParts, 'trainable' | 'train'>
  readonly #lossGap: LossGap | undefined
  #kl: KlReport | undefined

  constructor(parts: Pick<LearnerParts, 'trainable' | 'train' | 'lossGap'>) {
    this.#parts = parts
    this.#lossGap = parts.lossGap && new LossGap(parts.lossGap)
  }

  get lossGap(): LossGapReport | undefined {
    return this.#lossGap?.report
  }

  get kl(): KlReport | undefined {
    return this.#kl
  }

  observeLosses(losses: SeenLosses): void {
    this.#lossGap?.observe(losses)
  }

  *measureKl(examples: readonly Example[], from: KlReport['from']): LatentRequests {
    const { trainable, train } = this.#parts
    if (trainable.divergences === undefined || examples.length === 0) return
    let sum = 0
    for (const batch of batches(examples, train.batch)) {
      const latents = yield batch
      const found = trainable.divergences(batch.map(({ key }) => latentOf(key, latents)))
      sum += found.reduce((total, value) => total + value, 0)
    }
    this.#kl = { per_token: sum / examples.length, rows: examples.length, from }
  }

  snapshot(): MeasuresState {
    const lossGap = this.#lossGap?.snapshot()
    return { ...(lossGap && { lossGap }), ...(this.#kl && { kl: this.#kl }) }
  }

  restore({ lossGap, kl }: MeasuresState): void {
    this.#lossGap?.restore(lossGap ?? null)
    this.#kl = kl
  }
}
