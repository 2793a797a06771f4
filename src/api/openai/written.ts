/** Texts of a language model as both kinds of completion have them: whole, or piece by piece as they are written. */
import type { FastifyRequest } from 'fastify'
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import type {
  Generation,
  TextOptions,
  TextPart,
} from '../../serving/services/generation/contract.ts'
import { shownSources } from '../../serving/live/predict.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import { requestInput } from '../../serving/services/prediction-service.ts'
import { namedModel, type Services } from '../../serving/services/services.ts'
import type { Manifest } from '../../versions/contract.ts'
import { traceparentOf } from '../http/trace-requests.ts'
import type { Common } from './parameters.ts'

export type AskedTexts = Omit<Common, 'n'> & {
  readonly n?: number | null
  readonly max_completion_tokens?: number | null
}

/** An input of the request with the field that it stands in, or the tokens of a prompt. */
export type AskedInput =
  | { readonly value: Json; readonly pointer: string; readonly tokens?: undefined }
  | { readonly tokens: Int32Array }

export interface Usage {
  /** As the model reads them. */
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  /** Of a model that writes: tokens of the prompts that were kept from earlier texts. */
  readonly prompt_tokens_details?: { readonly cached_tokens: number }
  /** Tokens of the oldest turns, which were dropped because the prompt was too long. */
  readonly dropped_prompt_tokens?: number
}

/** One choice, whole. */
export interface WrittenText {
  readonly id: string
  readonly text: string
  readonly finish: NonNullable<TextPart['finish']>
  readonly logprobs: NonNullable<TextPart['logprobs']>
}

export interface CompletionHead {
  readonly id: string
  /** `support@v12`. */
  readonly model: string
  /** When it was begun or answered, in seconds. */
  readonly created: number
  readonly system_fingerprint: string
  /** A prompt lost its oldest turns. */
  readonly truncated?: true
}

/** Texts on their way: `n` of the first input, then `n` of the next. */
export interface BegunTexts {
  readonly head: CompletionHead
  /** What other servers do not say: the events whose answers these texts were given, of each input in turn. */
  readonly cited: { readonly antikythera?: ReturnType<typeof shownSources> }
  readonly choices: readonly { readonly id: string }[]
  /** For one reader; `index` counts over all choices. Reading to the end gives the usage. */
  parts(): AsyncGenerator<TextPart, Usage>
}

/** Whether the model of this name writes texts. */
export function writesTexts(services: Services, name: string): boolean {
  return namedModel(services, name).model.generation !== undefined
}

export async function beginTexts(
  services: Services,
  request: FastifyRequest,
  body: AskedTexts,
  asked: {
    readonly inputs: readonly AskedInput[]
    readonly logprobs: boolean
    readonly echo?: boolean
    readonly structure?: TextOptions['structure']
    /** How many of the likeliest tokens are shown for each one. */
    readonly likeliest: number
  },
): Promise<BegunTexts> {
  const { model, version } = namedModel(services, body.model)
  const { generation: service } = model
  if (service === undefined) throw failure('INTERNAL', `${model.name} writes no texts`)
  const n = body.n ?? 1
  if (n * asked.inputs.length > services.limits.choices) throw tooMany(services, n, asked.inputs)
  const inputs = asked.inputs.map((each): Input => {
    // Nothing is read or kept of it besides its tokens.
    if (each.tokens !== undefined) return { kind: 'text', text: '' }
    return requestInput(model.base, services.limits, each.value, each.pointer)
  })
  const prompts = asked.inputs.flatMap(({ tokens }) => tokens ?? [])
  const { manifest, choices, recalled, droppedTokens, ...written } = await service.generate({
    ...optionsIn(body),
    ...{ inputs, n, version, key: body.user ?? undefined, signal: request.over },
    ...(asked.structure && { structure: asked.structure }),
    ...(prompts.length > 0 && { prompts }),
    ...(asked.echo === true && { echo: true }),
    ...{ logprobs: asked.logprobs, likeliest: asked.logprobs ? asked.likeliest : 0 },
    traceparent: traceparentOf(request),
  })
  return {
    head: {
      ...headOf(services, model, manifest, choices),
      ...(droppedTokens > 0 && { truncated: true }),
    },
    cited: {
      ...(recalled && {
        antikythera: shownSources({
          sources: recalled.flatMap(({ sources }) => sources),
          cut: recalled.reduce((sum, { cut }) => sum + cut, 0),
        }),
      }),
    },
    choices,
    parts: () => partsOf({ ...written, droppedTokens }),
  }
}

export function headOf(
  { clock }: Services,
  { name }: Pick<ModelServices, 'name'>,
  { version, digest }: Pick<Manifest, 'version' | 'digest'>,
  [first]: readonly { readonly id: string }[],
): CompletionHead {
  return {
    id: first?.id ?? '',
    model: `${name}@${version}`,
    created: Math.floor(clock.nowMs() / 1000),
    system_fingerprint: digest,
  }
}

/** The chunks of a stream, the first with what is cited. */
export async function* citedChunks(
  { cited }: Pick<BegunTexts, 'cited'>,
  chunks: AsyncIterable<Json>,
): AsyncGenerator<Json> {
  let isFirst = true
  for await (const chunk of chunks) {
    yield isFirst ? { ...(chunk as object), ...cited } : chunk
    isFirst = false
  }
}

/** All texts, each whole. */
export async function wholeTexts(begun: BegunTexts) {
  const texts = begun.choices.map(({ id }) => ({
    ...{ id, text: '', finish: 'length' },
    logprobs: [] as WrittenText['logprobs'][number][],
  }))
  const parts = begun.parts()
  for (;;) {
    const { done, value } = await parts.next()
    if (done === true) return { texts: texts as readonly WrittenText[], usage: value }
    const choice = texts[value.index]
    if (choice === undefined) continue
    choice.text += value.text
    choice.finish = value.finish ?? choice.finish
    choice.logprobs.push(...(value.logprobs ?? []))
  }
}

/** How each kind of completion shows what was written. */
export interface ShownParts {
  readonly logprobs: boolean
  readonly includesUsage: boolean
}

/** The chunks that `chunksOf` makes of each piece, then the usage, if asked for. If the reader stops, writing ends. */
export async function* writtenChunks(
  begun: BegunTexts,
  head: Readonly<Record<string, Json>>,
  { includesUsage }: Pick<ShownParts, 'includesUsage'>,
  chunksOf: (part: TextPart) => Iterable<Json>,
): AsyncGenerator<Json> {
  const parts = begun.parts()
  try {
    for (;;) {
      const { done, value } = await parts.next()
      if (done !== true) yield* chunksOf(value)
      else {
        if (includesUsage) yield { ...head, choices: [], usage: { ...value } }
        return
      }
    }
  } finally {
    await parts.return({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })
  }
}

function tooMany({ limits }: Services, n: number, { length }: readonly AskedInput[]): Error {
  const what = `${n * length} texts are asked for, at most ${limits.choices} by one request`
  return failure('REQUEST_INVALID', what, {
    details: { param: 'n' },
    fix: 'ask for fewer, or raise limits.generation_texts',
  })
}

function optionsIn({
  max_completion_tokens,
  max_tokens,
  temperature,
  top_p,
  seed,
  stop,
}: AskedTexts) {
  return {
    maxTokens: max_completion_tokens ?? max_tokens ?? undefined,
    temperature: temperature ?? undefined,
    // 0 means the likeliest token alone.
    topP: typeof top_p === 'number' ? Math.max(top_p, Number.EPSILON) : undefined,
    seed: seed ?? undefined,
    stop: stop === null || stop === undefined ? undefined : [stop].flat(),
  }
}

async function* partsOf({
  parts,
  promptTokens,
  cachedTokens,
  droppedTokens,
}: Pick<Generation, 'parts' | 'promptTokens' | 'cachedTokens' | 'droppedTokens'>): AsyncGenerator<
  TextPart,
  Usage
> {
  let completion = 0
  // A client that goes has not read all of them: leaving the loop ends the texts.
  for await (const part of parts) {
    completion += part.completionTokens ?? 0
    yield part
  }
  return {
    ...{ prompt_tokens: promptTokens, completion_tokens: completion },
    total_tokens: promptTokens + completion,
    prompt_tokens_details: { cached_tokens: cachedTokens() },
    ...(droppedTokens > 0 && { dropped_prompt_tokens: droppedTokens }),
  }
}
