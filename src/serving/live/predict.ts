/**
 * The way of a predict request: inputs → rows → logits of one adapter → answers with ids, remembered so that feedback
 * can name them days later.
 */
import { CodedError, type Clock, type Json } from '../../contracts/core.ts'
import type { Base, Encoded } from '../../contracts/network.ts'
import type { Input, ServedPrediction } from '../../contracts/stream.ts'
import type { Task } from '../../contracts/task.ts'
import type { Manifest } from '../../versions/contract.ts'
import { factsOf } from '../../versions/task-facts.ts'
import { withDetails } from '../../platform/errors.ts'
import type { Batcher } from '../engine/batcher.ts'
import { eventLoop } from '../../platform/slices.ts'

export interface PredictRequest {
  readonly inputs: readonly Input[]
  /** A version by name instead of the live one. */
  readonly version?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a classification answers. */
export interface Answer {
  readonly label: string
  readonly score: number
  readonly scores: Readonly<Record<string, number>>
}

export interface Answered extends Answer {
  /** The prediction's id, which feedback may name. */
  readonly id: string
  /** The text was longer than `max_tokens`, and this answer is of its beginning. */
  readonly truncated?: true
  readonly tokens?: { readonly kept: number; readonly dropped: number }
}

/** Remembers what was served, behind the answer: `record` costs the request nothing. */
export interface PredictionLog {
  record(predictions: readonly ServedPrediction[]): void
}

export interface Predictor {
  readonly model: string
  readonly base: Pick<Base, 'encode'>
  readonly task: Pick<Task<Json, Answer>, 'decode'>
  readonly maxTokens: number
  readonly batcher: Pick<Batcher, 'run'>
  readonly predictions: PredictionLog
  readonly predictionId: () => string
  readonly clock: Clock
}

/** The caller holds the adapter of `manifest` until this settles. */
export async function answer(
  predictor: Predictor,
  manifest: Manifest,
  request: PredictRequest,
): Promise<readonly Answered[]> {
  const rows = await eventLoop.each(request.inputs, (input, index) =>
    encode(predictor, input, index),
  )
  const logits = await run(predictor, manifest, rows, request.signal)
  const answers = await eventLoop.each(logits, (row, index) => ({
    id: predictor.predictionId(),
    ...predictor.task.decode(row, factsOf(manifest)),
    ...truncation(rows[index]),
  }))
  remember(predictor, manifest, request.inputs, answers)
  return answers
}

function encode(predictor: Predictor, input: Input, index: number): Encoded {
  try {
    return predictor.base.encode(input, predictor.maxTokens)
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    throw withDetails(error, { index }, `inputs[${index}]: ${error.message}`)
  }
}

function truncation(row: Encoded | undefined): Pick<Answered, 'truncated' | 'tokens'> {
  if (row?.kind !== 'tokens' || row.dropped === undefined) return {}
  return { truncated: true, tokens: { kept: row.ids.length, dropped: row.dropped } }
}

/** A version that has learned no label yet has nothing to compute, and says so by an empty answer. */
async function run(
  predictor: Predictor,
  manifest: Manifest,
  rows: readonly Encoded[],
  signal: AbortSignal | undefined,
): Promise<readonly Float32Array[]> {
  if (manifest.labels.length === 0) return rows.map(() => new Float32Array(0))
  return predictor.batcher.run({ model: predictor.model, adapter: manifest.digest, rows, signal })
}

function remember(
  predictor: Predictor,
  manifest: Manifest,
  inputs: readonly Input[],
  answers: readonly Answered[],
): void {
  const timeMs = predictor.clock.nowMs()
  const served = answers.flatMap(({ id, label }, index) => {
    const input = inputs[index]
    return input === undefined
      ? []
      : [{ id, input, answer: label, shown: { label }, version: manifest.version, timeMs }]
  })
  predictor.predictions.record(served)
}
