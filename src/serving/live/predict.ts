/**
 * The steps of a predict request: inputs → rows → logits of one adapter → answers with ids, stored so that feedback can
 * refer to them days later.
 */
import { wholeLength } from '../../payloads/rows.ts'
import { CodedError, type Clock, type Json, unlessAborted } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { Input, ServedPrediction } from '../../contracts/event.ts'
import type { Task } from '../../contracts/task.ts'
import type { Fields } from '../../contracts/task-view.ts'
import type { Manifest } from '../../versions/contract.ts'
import { withDetails, failure } from '../../platform/errors.ts'
import type { Batcher } from '../engine/batcher.ts'
import { eventLoop } from '../../platform/slices.ts'
import { decidingParts, type DecidingPart } from './deciding-parts.ts'

export interface PredictRequest {
  readonly inputs: readonly Input[]
  /** A version by name instead of the live one. */
  readonly version?: string | undefined
  /**
   * Identifies the user or session: one key always gets the same side of a canary. Absent: each request is assigned
   * alone.
   */
  readonly key?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Computes the outputs elsewhere; the version then only says how they are read. */
  readonly outputs?: ((manifest: Manifest) => Promise<readonly Float32Array[]>) | undefined
  /** The request's span (W3C Trace Context), for feedback on its answers; absent = it belongs to no trace. */
  readonly traceparent?: string | undefined
}

export interface AnsweredInput {
  /** The prediction's id, which feedback may name. */
  readonly id: string
  /** The answer's fields, from the task. */
  readonly answer: Fields
  /** Tokens or numbers of its input, those that were cut off among them. */
  readonly size: number
  /** The text was longer than `max_tokens`, and this answer is of its beginning. */
  readonly truncated?: true
  readonly tokens?: { readonly kept: number; readonly dropped: number }
  /** Of a long input that the base cuts into parts, where answers are classes. */
  readonly parts?: readonly DecidingPart[]
  /** Tokens of a text that was written, the one that ended it included. */
  readonly completionTokens?: number
  /** Present where stored answers stand before prompts. */
  readonly recalled?: RecalledSources
}

/** The events whose answers a text was given. */
export interface RecalledSources {
  /** The nearest question first. */
  readonly sources: readonly {
    readonly source: string
    readonly id: string
    readonly similarity: number
  }[]
  /** Further ones that the context had no room for, the farthest. */
  readonly cut: number
}

/** As every surface shows them. */
export function shownSources({ sources, cut }: RecalledSources) {
  return { sources, ...(cut > 0 && { sources_cut: cut }) }
}

/** Stores served predictions after the answer: `record` costs the request nothing. */
export interface PredictionLog {
  record(predictions: readonly ServedPrediction[]): void
}

export interface Predictor {
  readonly model: string
  readonly base: Pick<Base, 'encode' | 'prepare' | 'offsets' | 'parts'>
  readonly task: Pick<
    Task,
    'decode' | 'headIn' | 'headOf' | 'outputs' | 'view' | 'needsOffsets' | 'classes'
  >
  readonly maxTokens: number
  readonly batcher: Pick<Batcher, 'run'> & PreparingRoom
  readonly predictions: PredictionLog
  readonly predictionId: () => string
  readonly clock: Clock
}

/** What the record of an answer says of the trial that runs meanwhile; empty without one. */
export type TrialMark = Pick<ServedPrediction, 'canary' | 'unit'>

export interface AnsweredRequest {
  readonly answers: readonly AnsweredInput[]
  readonly rows: readonly EncodedRow[]
  /** To be recorded by the caller. */
  readonly served: readonly ServedPrediction[]
}

/** The caller holds the adapter of `manifest` until this settles. */
export async function answer(
  predictor: Predictor,
  manifest: Manifest,
  request: PredictRequest,
  trial: TrialMark = {},
): Promise<AnsweredRequest> {
  await prepared(predictor, request.inputs, { room: predictor.batcher, signal: request.signal })
  const rows = await eventLoop.each(request.inputs, (input, index) =>
    atIndex(index, () => encodeInput(input, predictor.task, predictor.base, predictor.maxTokens)),
  )
  const logits =
    (await request.outputs?.(manifest)) ??
    (await logitsOf(predictor, manifest, rows, request.signal))
  if (!areFinite(logits)) throw notFinite(manifest.version)
  const { task } = predictor
  const timeMs = predictor.clock.nowMs()
  const served: ServedPrediction[] = []
  const answered: Json[] = []
  const answers = await eventLoop.each(rows, (row, index): AnsweredInput => {
    const outputs = logits[index] ?? new Float32Array()
    const input = request.inputs[index]
    const output = task.decode(outputs, { facts: manifest.facts, row, input })
    answered.push(output)
    const id = predictor.predictionId()
    const { text, shown } = task.view.served(output)
    if (input !== undefined) {
      const { version } = manifest
      const named = request.version === undefined ? {} : ({ pinned: true } as const)
      const { traceparent } = request
      const traced = traceparent === undefined ? {} : { traceparent }
      const what = { id, input, answer: text, shown, version, timeMs }
      served.push({ ...what, ...trial, ...named, ...traced })
    }
    return {
      id,
      answer: task.view.answer(output),
      size: wholeLength(row),
      ...truncation(row),
    }
  })
  const shown = await withParts(answers, { predictor, manifest, request, answered })
  return { answers: shown, rows, served }
}

interface PartedAnswers {
  readonly predictor: Predictor
  readonly manifest: Manifest
  readonly request: PredictRequest
  /** What the task answered, by input. */
  readonly answered: readonly Json[]
}

async function withParts(
  answers: readonly AnsweredInput[],
  { predictor, manifest, request, answered }: PartedAnswers,
): Promise<readonly AnsweredInput[]> {
  // Outputs from elsewhere are not those of this version's engine.
  if (predictor.base.parts === undefined || request.outputs !== undefined) return answers
  const outputsOf = (rows: readonly EncodedRow[]) =>
    logitsOf(predictor, manifest, rows, request.signal)
  const parted: AnsweredInput[] = []
  for (const [index, answer] of answers.entries()) {
    const input = request.inputs[index]
    const search = { ...predictor, manifest, outputsOf }
    const parts = input && (await decidingParts(search, input, answered[index] ?? null))
    parted.push({ ...answer, ...(parts && { parts }) })
  }
  return parted
}

function atIndex<Result>(index: number, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw ofInput(index, error)
  }
}

function ofInput(index: number, error: unknown): unknown {
  if (!(error instanceof CodedError)) return error
  return withDetails(error, { index }, `inputs[${index}]: ${error.message}`)
}

interface PreparingParts {
  readonly base: Pick<Base, 'prepare'>
  readonly maxTokens: number
}

export type PreparingRoom = Partial<Pick<Batcher, 'reserve'>>

interface PreparingCaller {
  /** Absent: without a bound, where one caller asks. */
  readonly room?: PreparingRoom
  readonly signal?: AbortSignal | undefined
}

/**
 * Before `encodeInput` of each of them. Throws `QUEUE_FULL`, what `prepare` rejects with, and the signal's reason. A caller that is gone
 * leaves at once; its room is free when the work has ended.
 */
export async function prepared(
  { base, maxTokens }: PreparingParts,
  inputs: readonly Input[],
  { room, signal }: PreparingCaller = {},
): Promise<void> {
  if (base.prepare === undefined) return
  signal?.throwIfAborted()
  const release = room?.reserve?.(inputs.reduce((sum, input) => sum + sizeOf(input), 0))
  const work = preparedAll({ base, maxTokens }, inputs, signal).finally(release)
  await (signal === undefined ? work : unlessAborted(work, signal))
}

/** What it holds of memory: the characters of its texts, also of those within its fields. */
function sizeOf(value: Json): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  return Object.values<Json>(value).reduce<number>((sum, each) => sum + sizeOf(each), 0)
}

async function preparedAll(
  { base, maxTokens }: PreparingParts,
  inputs: readonly Input[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    inputs.map(async (input) => base.prepare?.(input, maxTokens, signal)),
  )
  const index = outcomes.findIndex(({ status }) => status === 'rejected')
  const failed = outcomes[index]
  if (failed?.status === 'rejected') throw ofInput(index, failed.reason)
}

/** As a task reads it that answers. */
export function encodeInput(
  input: Input,
  { needsOffsets }: Pick<Task, 'needsOffsets'>,
  base: Pick<Base, 'encode' | 'offsets'>,
  maxTokens: number,
): EncodedRow {
  const row = base.encode(input, maxTokens)
  const offsets = needsOffsets === true ? base.offsets?.(input, row) : undefined
  return offsets === undefined ? row : { ...row, offsets }
}

function truncation(row: EncodedRow | undefined): Pick<AnsweredInput, 'truncated' | 'tokens'> {
  if (row?.dropped === undefined) return {}
  return { truncated: true, tokens: { kept: row.kept ?? row.data.length, dropped: row.dropped } }
}

/** If the head of a version has no output yet, nothing is computed, and the task says so in the answer. */
export async function logitsOf(
  predictor: Pick<Predictor, 'model' | 'task' | 'batcher'>,
  manifest: Manifest,
  rows: readonly EncodedRow[],
  signal?: AbortSignal,
): Promise<readonly Float32Array[]> {
  const { task } = predictor
  if (task.outputs(task.headIn(manifest.facts)) === 0) return rows.map(() => new Float32Array(0))
  return predictor.batcher.run({ model: predictor.model, adapter: manifest.digest, rows, signal })
}

/**
 * Which answers of the live version count as failed: the engine failed, or an output is not a finite number. Errors of
 * the caller, a full queue, a deadline or an aborted request do not count: another version would have fared no better.
 */
type AnswerFault = 'engine' | 'not_finite'

/** A request that the live version has answered, or failed to answer. */
export interface Attempt {
  readonly version: string
  /** It answered as the canary. */
  readonly isCanary?: true
  /** The generation of the routing that selected it. */
  readonly generation: number
  readonly fault?: AnswerFault
  /** A run that fails several requests gives all of them the same one. */
  readonly error?: unknown
  readonly inputs: readonly Input[]
}

export function faultOf(error: unknown, signal: AbortSignal | undefined): AnswerFault | undefined {
  if (error instanceof CodedError) {
    if (error.code !== 'ENGINE_FAILED') return undefined
    return error.details.fault === 'not_finite' ? 'not_finite' : 'engine'
  }
  return signal?.aborted === true ? undefined : 'engine'
}

/** JSON has no such numbers, and no label has the highest of them. */
export function notFinite(version: string): CodedError {
  const message = `an output of ${version} is not a finite number`
  return failure('ENGINE_FAILED', message, { details: { version, fault: 'not_finite' } })
}

export function areFinite(logits: readonly Float32Array[]): boolean {
  return logits.every((row) => row.every((value) => Number.isFinite(value)))
}
