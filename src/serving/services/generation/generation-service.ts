/**
 * Texts for every surface: written by the live version, or by one by name, in parts or whole. A request finishes on the
 * version that it began with. Each text has an id of its own and is stored when it is done, so that feedback can name it.
 */
import { setMaxListeners } from 'node:events'
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../contracts/core.ts'
import type { CitedEvent, Input, ServedPrediction } from '../../../contracts/event.ts'
import type { Task } from '../../../contracts/task.ts'
import type { Fields } from '../../../contracts/task-view.ts'
import type { DrawnToken } from '../../../nn/onnx/decoding/sample.ts'
import { failure } from '../../../platform/errors.ts'
import type { Limits } from '../../../platform/limits.ts'
import { openRandom } from '../../../platform/random.ts'
import { eventLoop } from '../../../platform/slices.ts'
import type { VersionService } from '../../../versions/service.ts'
import { TokenStream, type TextRequest } from '../../engine/text-queue.ts'
import type { HeldVersion, LiveModel, Prediction, TextWriting } from '../../live/contract.ts'
import type { AnsweredInput } from '../../live/predict.ts'
import type { PredictionService } from '../prediction-service.ts'
import type {
  AnswerTexts,
  GenerateRequest,
  Generation,
  GenerationService,
  TextOptions,
  TextPart,
} from './contract.ts'
import { structureOf, type Structure } from './structure.ts'
import { TextPrompts, type BoundOptions, type TextPrompt } from './text-prompts.ts'
import { writeText } from './written-text.ts'

export interface GenerationOptions extends TextWriting {
  readonly model: string
  readonly task: { readonly view: Pick<Task['view'], 'served' | 'answer'> }
  readonly live: Pick<LiveModel, 'hold'>
  readonly until: PredictionService['until']
  readonly versions: Pick<VersionService, 'liveAt'>
  readonly limits: Pick<Limits, 'answer_tokens'>
  readonly clock: Clock
}

export function openGenerationService(options: GenerationOptions): GenerationService {
  return new TextWriter(options)
}

/** One text as it is written. */
interface OpenText {
  readonly index: number
  readonly id: string
  readonly input: Input
  readonly prompt: Int32Array
  readonly tokens: AsyncIterableIterator<DrawnToken>
  readonly structure: Structure | undefined
  readonly cited: readonly CitedEvent[] | undefined
}

/** A request that is being written. */
interface TextRun {
  readonly held: HeldVersion
  readonly prompts: readonly TextPrompt[]
  readonly writings: readonly OpenText[]
  /** Ends all of its texts. */
  readonly ended: AbortController
  /** Tokens of the prompts so far that were kept from earlier texts. */
  readonly cachedTokens: () => number
}

interface WrittenText {
  readonly id: string
  readonly answer: Fields
  readonly completionTokens: number
}

class TextWriter implements GenerationService {
  readonly #options: GenerationOptions
  readonly #prompts: TextPrompts

  constructor(options: GenerationOptions) {
    this.#options = options
    this.#prompts = new TextPrompts(options)
  }

  async generate({ n, ...request }: GenerateRequest): Promise<Generation> {
    const begun = await this.#begin(request, request, n, request.prompts)
    const { held, prompts, writings, ended, cachedTokens } = begun
    const parts = new TokenStream<TextPart>(() => {
      ended.abort(failure('REQUEST_INVALID', 'the reader has stopped'))
    })
    void this.#written(request, request, begun, parts).then(
      () => parts.end(),
      (error: unknown) => parts.fail(error),
    )
    return {
      ...shown(held),
      choices: writings.map(({ id }) => ({ id })),
      promptTokens: prompts.reduce((sum, { ids }) => sum + ids.length, 0),
      cachedTokens,
      droppedTokens: prompts.reduce((sum, { dropped }) => sum + dropped, 0),
      ...(this.#options.lessons && { recalled: prompts.flatMap(({ recalled }) => recalled ?? []) }),
      parts,
    }
  }

  async answer(request: AnswerTexts, options: TextOptions): Promise<Prediction> {
    const begun = await this.#begin(request, options, 1)
    const written = await this.#written(request, options, begun, undefined)
    const predictions = written.map(({ id, answer, completionTokens }, at): AnsweredInput => {
      const { ids, dropped, recalled } = begun.prompts[at] ?? { ids: [], dropped: 0 }
      const tokens = { kept: ids.length, dropped }
      const cut = dropped > 0 && ({ truncated: true, tokens } as const)
      const size = ids.length
      return { id, answer, size, completionTokens, ...cut, ...(recalled && { recalled }) }
    })
    return { ...shown(begun.held), predictions }
  }

  /** The caller reads every writing to its end, and then releases what is held. */
  async #begin(
    request: AnswerTexts,
    options: TextOptions,
    n: number,
    given?: readonly Int32Array[],
  ): Promise<TextRun> {
    const { until, versions, live, predictionId, metrics, model } = this.#options
    const { version: named, atMs, key, signal, generation, position } = request
    this.#checkLimits(options)
    const structure = structureOf(options)
    if (structure !== undefined) await this.#options.scheduler.readTokens()
    const plain = await eventLoop.each(request.inputs, (input, at) => {
      const choices = Array.from({ length: n }, predictionId)
      return this.#prompts.plain(input, choices, options, given?.[at])
    })
    const truncated = plain.filter(({ dropped }) => dropped > 0).length
    metrics.count('truncated', { model, by: 'server' }, truncated)
    await until({ generation, position }, signal)
    const past = atMs === undefined ? undefined : await versions.liveAt(atMs)
    const held = await live.hold({ version: past?.live.version ?? named, key })
    const ended = new AbortController()
    try {
      const prompts =
        given === undefined
          ? await this.#prompts.informed(plain, held.manifest, { ...options, structure })
          : plain
      const all = AbortSignal.any([signal, ended.signal])
      // Each input adds one listener, and limits.inputs bounds them: no leak to warn of at the eleventh.
      setMaxListeners(0, all)
      let cached = 0
      const onPrompt = (count: number) => (cached += count)
      return {
        ...{ held, prompts, ended, cachedTokens: () => cached },
        writings: this.#run(held, prompts, { ...options, structure }, { signal: all, onPrompt }),
      }
    } catch (error) {
      // Texts of the first inputs may wait already.
      ended.abort(error)
      held.release()
      throw error
    }
  }

  #checkLimits({ maxTokens }: TextOptions): void {
    const most = this.#options.limits.answer_tokens
    if (maxTokens === undefined || maxTokens <= most) return
    const message = `max_tokens is ${maxTokens}, and an answer has at most ${most}`
    const details = { param: 'max_tokens', most }
    throw failure('REQUEST_INVALID', message, {
      details,
      fix: 'ask for fewer, or raise limits.answer_tokens',
    })
  }

  #run(
    held: HeldVersion,
    prompts: readonly TextPrompt[],
    options: BoundOptions,
    request: Pick<TextRequest, 'signal' | 'onPrompt'>,
  ): readonly OpenText[] {
    const { model, language, scheduler, usual } = this.#options
    const { maxTokens = usual.maxTokens, temperature = usual.temperature } = options
    const { topP = usual.topP, likeliest = 0, structure, logprobs, echo } = options
    const scored = echo === true && logprobs === true
    const writings: OpenText[] = []
    for (const { input, ids, choices, given, cited } of prompts) {
      // Unlike with a seed, the same input twice may be answered in two ways.
      const { seed = randomUUID() } = options
      const most = Math.min(maxTokens, language.positions - ids.length, given?.length ?? Infinity)
      const run = (): readonly AsyncIterableIterator<DrawnToken>[] =>
        scheduler.run({
          model,
          adapter: held.manifest.digest,
          prompt: ids,
          maxTokens: most,
          ...(given && { given }),
          sampling: { temperature, topP },
          ...(likeliest > 0 && { likeliest }),
          scored,
          ...(structure && { bounds: structure.bounds }),
          ends: language.ends,
          draws: choices.map((_, choice) => openRandom(seed, `text/${choice}`)),
          ...request,
        })
      // The model is asked about a stored answer, and about a prompt alone, only for how likely they are.
      const isKnown = given !== undefined || most === 0
      const known = given?.subarray(0, most) ?? new Int32Array()
      const streams = isKnown && logprobs !== true ? choices.map(() => stored(known)) : run()
      for (const [at, tokens] of streams.entries()) {
        const id = choices[at] ?? ''
        writings.push({ index: writings.length, id, input, prompt: ids, tokens, structure, cited })
      }
    }
    return writings
  }

  /** The texts whole, and their parts on the way. The first that fails ends all of them. */
  async #written(
    request: AnswerTexts & Pick<GenerateRequest, 'prompts'>,
    options: TextOptions,
    { held, writings, ended }: TextRun,
    parts: TokenStream<TextPart> | undefined,
  ): Promise<readonly WrittenText[]> {
    try {
      const outcomes = await Promise.allSettled(
        writings.map(async (writing) =>
          this.#write(writing, request, options, held, parts).catch((error: unknown) => {
            ended.abort(error)
            throw error
          }),
        ),
      )
      const failed = outcomes.find((outcome) => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      held.ended(request)
      return outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    } catch (error) {
      held.ended(request, { error })
      throw error
    } finally {
      held.release()
    }
  }

  async #write(
    { index, id, input, prompt, tokens, structure, cited }: OpenText,
    request: AnswerTexts & Pick<GenerateRequest, 'prompts'>,
    options: TextOptions,
    held: HeldVersion,
    parts: TokenStream<TextPart> | undefined,
  ): Promise<WrittenText> {
    const { language, task } = this.#options
    const onPart = (part: Omit<TextPart, 'index'>) => {
      parts?.push({ index, ...part })
    }
    const { stop, logprobs, echo } = options
    const writing = { stop, logprobs, prompt: echo === true ? prompt : undefined }
    const { text, finish, completionTokens } = await writeText(tokens, language, writing, onPart)
    // A stop of the caller's may cut it anywhere.
    if (finish === 'stop' && (options.stop ?? []).length === 0) structure?.check(text)
    const output = { text, finish_reason: finish }
    // A lesson on tokens would be read from their text, in which control tokens are none.
    if (request.prompts === undefined && completionTokens > 0)
      this.#record({ id, input, ...(cited && { cited }) }, output, request, held)
    return { id, answer: task.view.answer(output), completionTokens }
  }

  #record(
    asked: Pick<ServedPrediction, 'id' | 'input' | 'cited'>,
    output: Fields,
    { version, traceparent }: AnswerTexts,
    { manifest, trial }: HeldVersion,
  ): void {
    const { task, predictions, clock } = this.#options
    const { text, shown } = task.view.served(output)
    // A token may be the byte 0, which no column of text keeps.
    const answer = text.replaceAll('\0', '\uFFFD')
    predictions.record([
      {
        ...{ ...asked, answer, shown, version: manifest.version, timeMs: clock.nowMs() },
        ...(output.finish_reason === 'length' && { isCut: true }),
        ...trial,
        ...(version !== undefined && { pinned: true }),
        ...(traceparent !== undefined && { traceparent }),
      },
    ])
  }
}

async function* stored(tokens: Int32Array): AsyncGenerator<DrawnToken> {
  for (const token of tokens) yield await Promise.resolve({ token, logProbability: 0 })
}

function shown({ manifest, generation, arm }: HeldVersion) {
  return { manifest, generation, ...(arm !== undefined && { arm }) }
}
