/**
 * Scores versions on rows with known right answers, for every surface. It teaches nothing: no answer is recorded, counted or
 * shown to a policy, and nothing is sent to the stream.
 */
import { encodeInput } from '../live/predict.ts'
import { idsOf } from '../../payloads/rows.ts'
import { CodedError, type Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { Head, Target } from '../../contracts/example.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { Task } from '../../contracts/task.ts'
import {
  emptyTally,
  isPossible,
  reportOf,
  tallied,
  type EvaluationReport,
  type Measure,
  type RowVerdict,
  type Tally,
} from '../../evaluation/tally.ts'
import { placedTarget } from '../../intake/encode-example.ts'
import { kindOf } from '../../intake/events/signal.ts'
import { parseEvent, type EventLimits } from '../../intake/events/validate.ts'
import { answerOutputs } from '../../nn/answer-outputs.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { Manifest } from '../../versions/contract.ts'
import type { HeldVersion, LiveModel, TextWriting } from '../live/contract.ts'
import { logitsOf, areFinite, notFinite } from '../live/predict.ts'
import type { RowAnswering, TrainerView } from './served-model.ts'
import { explained } from './faults.ts'

export type { EvaluationReport, Tally } from '../../evaluation/tally.ts'

export interface EvaluateRequest {
  /** Events with an input and the right answer to it. */
  readonly rows: readonly Json[]
  /** Absent: that of the tally, or else the live one. */
  readonly version?: string | undefined
  /** To compare it with. */
  readonly against?: string | undefined
  /** Of the rows before. */
  readonly tally?: Tally | undefined
  readonly signal: AbortSignal
}

export interface Evaluation {
  readonly tally: Tally
  /** Of all rows of the tally. */
  readonly report: EvaluationReport
  readonly rejected: readonly { readonly index: number; readonly error: CodedError }[]
}

export interface EvaluationOptions extends RowAnswering {
  readonly model: string
  readonly task: Task
  readonly texts?: Pick<TextWriting, 'language' | 'scheduler'> | undefined
  readonly live: Pick<LiveModel, 'live' | 'hold'>
  readonly trainer: Pick<TrainerView, 'status'>
  readonly limits: EventLimits & Pick<Limits, 'inputs'>
}

/** A row as it was read. */
interface Lesson {
  readonly input: Input
  readonly target: Target
}

/** Its target is on the positions of the row. */
interface Question extends Lesson {
  readonly encoded: EncodedRow
}

/** Texts of one request that are read at the same time, so that answers to others keep their places. */
const TEXTS_AT_ONCE = 4

export class EvaluationService {
  readonly #options: EvaluationOptions

  constructor(options: EvaluationOptions) {
    this.#options = options
  }

  async evaluate({ rows, tally, signal, ...named }: EvaluateRequest): Promise<Evaluation> {
    const { model, trainer, limits, live } = this.#options
    if (rows.length > limits.inputs) throw tooMany(limits.inputs)
    if (tally !== undefined && !isPossible(this.#measure, tally)) throw madeUp()
    const versions = sameVersions(named, tally)
    const held: HeldVersion[] = []
    try {
      const version = versions.version ?? live.live()?.manifest.version
      held.push(await live.hold({ version }))
      if (versions.against !== undefined) held.push(await live.hold({ version: versions.against }))
      const manifests = held.map(({ manifest }) => manifest)
      const { questions, rejected } = await this.#questions(rows, manifests, signal)
      const verdicts = []
      for (const manifest of manifests)
        verdicts.push(await this.#verdicts(manifest, questions, signal))
      const [own = [], other] = verdicts
      const [first, second] = manifests
      const before = tally ?? emptyTally(first?.version ?? '', second?.version)
      const after = tallied(before, own, other)
      if (!isPossible(this.#measure, after)) throw tooFar()
      return { tally: after, report: reportOf(this.#measure, after), rejected }
    } catch (error) {
      throw explained(error, model, trainer.status(model))
    } finally {
      for (const each of held) each.release()
    }
  }

  get #measure(): Measure {
    const { task } = this.#options
    if (task.texts !== undefined) return 'loss'
    // Labels that are independent are right in part.
    if (task.classes !== undefined && task.areIndependent !== true) return 'accuracy'
    return task.view.headline?.measure?.better === 'higher' ? 'error' : 'absolute_error'
  }

  async #questions(rows: readonly Json[], manifests: readonly Manifest[], signal: AbortSignal) {
    const { task } = this.#options
    // A label is right also where one of the versions does not know it.
    const head = manifests.reduce(
      (all, { facts }) => task.union(all, task.headOf(facts)),
      task.start,
    )
    const parsed = await eventLoop.each(rows, (row) => unlessCoded(() => this.#lessonIn(row, head)))
    const ready = await Promise.all(parsed.map(async (each) => this.#prepared(each, signal)))
    const read = await eventLoop.each(ready, (each) =>
      each instanceof CodedError ? each : unlessCoded(() => this.#question(each)),
    )
    const rejected = read.flatMap((each, index) =>
      each instanceof CodedError ? [{ index, error: each }] : [],
    )
    return {
      rejected,
      questions: read.flatMap((each) => (each instanceof CodedError ? [] : [each])),
    }
  }

  #lessonIn(row: Json, head: Head): Lesson {
    const { model, task, base, limits } = this.#options
    const bytes = new TextEncoder().encode(JSON.stringify(row))
    const context = { source: 'evaluation', model, reads: base.reads }
    const { input, signal } = parseEvent(bytes, limits, {
      ...context,
      signals: task.view.signals,
    })
    if (input === undefined) throw notARow('it has no input')
    if (kindOf(signal, task.view.signals)?.about !== 'input')
      throw notARow('it does not say what is right')
    return { input, target: task.target(signal, undefined, head) }
  }

  async #prepared(lesson: Lesson | CodedError, signal: AbortSignal): Promise<Lesson | CodedError> {
    if (lesson instanceof CodedError) return lesson
    try {
      const { base, maxTokens } = this.#options
      await base.prepare?.(lesson.input, maxTokens, signal)
      return lesson
    } catch (error) {
      if (error instanceof CodedError) return error
      throw error
    }
  }

  #question({ input, target: said }: Lesson): Question {
    const { task, base } = this.#options
    const encoded = this.#encode(input, said)
    if ((encoded.sequences?.length ?? 1) > 1) throw notARow('it has two answers')
    const target = placedTarget(said, { input, row: encoded }, task, base)
    return { input, target, encoded }
  }

  #encode(input: Input, target: Target): EncodedRow {
    const { task, texts, base, maxTokens } = this.#options
    if (task.texts === undefined || texts === undefined)
      return encodeInput(input, task, base, maxTokens)
    return task.texts.encode(input, target, { language: texts.language, maxTokens })
  }

  async #verdicts(
    manifest: Manifest,
    questions: readonly Question[],
    signal: AbortSignal,
  ): Promise<readonly RowVerdict[]> {
    const { task, model, batcher, texts } = this.#options
    const rows = questions.map(({ encoded }) => encoded)
    const outputs =
      texts === undefined
        ? await logitsOf({ model, task, batcher }, manifest, rows, signal)
        : await this.#readTexts(texts, manifest.digest, rows, signal)
    if (!areFinite(outputs)) throw notFinite(manifest.version)
    return eventLoop.each(questions, ({ input, target, encoded }, at) => {
      const output = outputs[at] ?? new Float32Array(0)
      return texts === undefined
        ? this.#judged(output, { input, target, encoded }, manifest)
        : { error: task.score(output, target, task.headIn(manifest.facts)).loss }
    })
  }

  #judged(
    output: Float32Array,
    { input, target, encoded: row }: Question,
    { facts }: Manifest,
  ): RowVerdict {
    const { task } = this.#options
    const { text } = task.view.served(task.decode(output, { facts, row, input }))
    const error = task.judge(text, target)
    if (task.classes === undefined) return { error }
    const [said, right] = task.confused?.(text, target) ?? [text, task.strata(target).join(', ')]
    return { error, cell: { said, right } }
  }

  /** The likelihood of each token of each answer. Settles when none is read any more, so that the adapter may go. */
  async #readTexts(
    texts: EvaluationOptions['texts'] & {},
    adapter: string,
    rows: readonly EncodedRow[],
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    const outputs: Float32Array[] = []
    const failed = new AbortController()
    const either = AbortSignal.any([signal, failed.signal])
    const left = rows.entries()
    const readers = Array.from({ length: TEXTS_AT_ONCE }, async () => {
      try {
        for (const [at, row] of left)
          outputs[at] = await this.#readText(texts, adapter, row, either)
      } catch (error) {
        failed.abort(error)
      }
    })
    await Promise.all(readers)
    either.throwIfAborted()
    return outputs
  }

  async #readText(
    { scheduler }: EvaluationOptions['texts'] & {},
    adapter: string,
    row: EncodedRow,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    const [sequence] = row.sequences ?? []
    invariant(sequence, 'an answer is a sequence')
    const given = idsOf(row).subarray(sequence.answerFrom, sequence.length)
    const [stream] = scheduler.run({
      ...{ model: this.#options.model, adapter, given, maxTokens: given.length, signal },
      prompt: idsOf(row).subarray(0, sequence.answerFrom),
      sampling: { temperature: 0, topP: 1 },
      ends: [],
      draws: [{ uniform: () => 0 }],
    })
    const logs: number[] = []
    for await (const { logProbability } of stream ?? []) logs.push(logProbability)
    return answerOutputs([logs.length], Float32Array.from(logs))
  }
}

/** The versions of a tally go on, and a request that names others is a mistake. */
function sameVersions(
  named: Pick<EvaluateRequest, 'version' | 'against'>,
  tally: Tally | undefined,
): Pick<EvaluateRequest, 'version' | 'against'> {
  if (tally === undefined) return named
  const of = { version: tally.version.version, against: tally.against?.version }
  for (const role of ['version', 'against'] as const)
    if (named[role] !== undefined && named[role] !== of[role])
      throw failure('REQUEST_INVALID', `the tally is not of ${role} ${named[role]}`, {
        details: { pointer: '/tally' },
        fix: 'leave the versions out where there is a tally, or begin without one',
      })
  return of
}

function madeUp(): CodedError {
  return failure('REQUEST_INVALID', 'no rows can have made this tally', {
    details: { pointer: '/tally' },
    fix: 'send the tally of the last answer as it is, or none to begin again',
  })
}

/** Squares of numbers above 1e154 are no numbers. */
function tooFar(): CodedError {
  return failure('REQUEST_INVALID', 'answers are too far from these values for a mean', {
    details: { pointer: '/rows' },
    fix: 'leave out rows whose values are no measurements, such as 1e300',
  })
}

function tooMany(most: number): CodedError {
  return failure('TOO_MANY_EVENTS', `a request evaluates at most ${most} rows`, {
    details: { most },
    fix: 'send the next rows in another request with the tally of this one, or raise limits.inputs',
  })
}

function notARow(why: string): CodedError {
  return failure('EVENT_INVALID', `no row to evaluate: ${why}`, {
    fix: 'send an input and the right answer to it, as feedback has it',
  })
}

function unlessCoded<Result>(work: () => Result): Result | CodedError {
  try {
    return work()
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}
