/**
 * The engine of a language model: continues texts of any of its adapters, in one worker thread.
 *
 * It replaces the engine that answers rows at once, rather than running beside it: the weights of such a base are by far
 * the most memory of a daemon.
 */
import { idsOf } from '../../payloads/rows.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Base } from '../../contracts/base.ts'
import type { Version } from '../../versions/contract.ts'
import { eventLoop } from '../../platform/slices.ts'
import type { TokenTable } from '../../nn/structured/token-masks.ts'
import type { CacheShape } from '../../nn/onnx/causal-attention.ts'
import type { DecodeRow, DecodeRun, EndedTexts } from '../../nn/onnx/decoding/decode-run.ts'
import type { DrawnToken, Likely } from '../../nn/onnx/decoding/sample.ts'
import { isOfMemory } from '../../nn/memory.ts'
import { decodingGraph } from '../../nn/onnx/decoding/record.ts'
import type { Feeds, FeedTensor } from '../../nn/onnx/session.ts'
import { openOrtPool, type OrtPool, type OrtPoolOptions, proveInt8 } from '../../nn/onnx/pool.ts'
import type { ServingParts } from '../../nn/record.ts'
import type { Json } from '../../contracts/core.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { failure, invariant } from '../../platform/errors.ts'
import {
  prepareWith,
  LoadedAdapters,
  type EngineParts,
  type PreparedAdapter,
  type RecordedGraph,
} from './engine-adapter.ts'

/** A row of a step, with the key of its adapter. */
export type SequenceRow = Omit<DecodeRow, 'adapter'> & { readonly adapter: string }

export interface DecodedStep {
  readonly drawn: readonly DrawnToken[]
  /** How likely the tokens of `next` are. */
  readonly scored: readonly DrawnToken[]
  /** The bytes of the keys and values of all texts. */
  readonly cacheBytes: number
}

export interface DecodingEngineOptions extends EngineParts, Omit<OrtPoolOptions, 'workers'> {
  /** Absent: the keys and values of a text go with it. */
  readonly prefixes?: KeptPrefixes
}

/** Keys and values of texts that have ended, for prompts that begin with the same tokens. */
export interface KeptPrefixes {
  /** Of them and of the texts that are being written, which come first. */
  readonly mostBytes: number
  /** How many bytes they have now. */
  readonly onChange: (bytes: number) => void
}

/** They stand before prompts, and are no part of the network. */
function withoutLessons(version: Version): Version {
  const { memory, ...manifest } = version.manifest
  if (memory?.texts === undefined) return version
  const own = [...version.parameters].filter(([name]) => !isOfMemory(name))
  return { manifest, parameters: new Map(own) }
}

interface RecordedDecoder extends RecordedGraph {
  readonly cache: CacheShape
}

export class DecodingEngine {
  readonly #parts: DecodingEngineOptions
  readonly #pool: OrtPool
  readonly #recorded = new Map<string, Omit<RecordedDecoder, 'model'>>()
  readonly #loaded: LoadedAdapters<RecordedDecoder>
  #isProven = false
  #tokens: Promise<void> | undefined
  #warmings = 0

  constructor(options: DecodingEngineOptions) {
    this.#parts = options
    this.#pool = openOrtPool({ ...options, workers: 1 })
    this.#loaded = new LoadedAdapters(this.#pool)
  }

  async load(key: string, version: Version): Promise<void> {
    await this.#prove()
    const record = (parts: ServingParts, frozen: Base) => this.#record(parts, frozen)
    const adapter = prepareWith(record, this.#parts, key, withoutLessons(version))
    await this.#loaded.load(key, adapter, async () => this.#warm(key, adapter))
  }

  unload(key: string): void {
    this.#loaded.unload(key)
    this.rest(key)
  }

  /** No text is written with it, until one is again: drops what is kept of its texts. */
  rest(key: string): void {
    this.#end({ sequences: [], adapters: [key] })
  }

  /** Adapters of one lane share a batch. */
  laneOf(adapter: string): string {
    return this.#loaded.find(adapter).family
  }

  /** The bytes of memory that one position of a text takes. */
  positionBytes(adapter: string): number {
    const { layers, keyHeads, headSize } = this.#loaded.find(adapter).graph.cache
    return layers * 2 * keyHeads * headSize * 4
  }

  /** Gives a new text what is kept of its first tokens: the positions that it has then. */
  async reuse(sequence: number, adapter: string, ids: Int32Array): Promise<number> {
    if (this.#parts.prefixes === undefined) return 0
    const { graph, family: lane } = this.#loaded.find(adapter)
    const text = { sequence, adapter, ids, lane, cache: graph.cache }
    const outputs = await this.#pool.texts({ kind: 'reuse', ...text })
    this.#show(outputs)
    return outputs.reused?.data[0] ?? 0
  }

  /** Several rows with one token each, or a part of one prompt: all of one lane. Tokens in order; −1 where none was asked for. */
  async step(rows: readonly SequenceRow[]): Promise<DecodedStep> {
    const keys = [...new Set(rows.map(({ adapter }) => adapter))].sort()
    const [first] = keys
    invariant(first !== undefined, 'a step without rows')
    const run = runOf(keys, this.#loaded.find(first), rows)
    const { tokens, logprobs, bytes, likeliest, likeliest_logprobs } = await this.#decode(run)
    invariant(tokens && logprobs && bytes, 'a step without an answer')
    const all = likelyIn(likeliest, likeliest_logprobs)
    let taken = 0
    const shown = (count: number, at: number): DrawnToken => {
      taken += count
      return {
        ...likelyAt(tokens, logprobs, at),
        ...(count > 0 && { likeliest: all.slice(taken - count, taken) }),
      }
    }
    const drawn = rows.map(({ sampling }, at) => shown(sampling?.likeliest ?? 0, at))
    const asked = rows.flatMap(({ next }) =>
      Array.from(next?.ids ?? [], () => next?.likeliest ?? 0),
    )
    const scored = asked.map((count, at) => shown(count, rows.length + at))
    return { drawn, scored, cacheBytes: bytes.data[0] ?? 0 }
  }

  /** Resolves when texts may be bounded by a schema. */
  async readTokens(): Promise<void> {
    this.#tokens ??= tableOf(this.#parts.base).then((table) => this.#pool.readTokens(table))
    const reading = this.#tokens
    await reading.catch((error: unknown) => {
      this.#tokens = undefined
      throw error
    })
  }

  /** Releases the caches of texts. */
  forget(sequences: readonly number[]): void {
    this.#end({ sequences })
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #decode(run: DecodeRun): Promise<Feeds> {
    const mostBytes = this.#parts.prefixes?.mostBytes
    const outputs = await this.#pool.texts({ kind: 'decode', ...run, mostBytes })
    this.#show(outputs)
    return outputs
  }

  /** A thread that is gone has forgotten them. */
  #end(ended: EndedTexts): void {
    this.#pool.texts({ kind: 'forget', ...ended }).then(
      (outputs) => this.#show(outputs),
      () => undefined,
    )
  }

  #show({ kept }: Feeds): void {
    this.#parts.prefixes?.onChange(kept?.data[0] ?? 0)
  }

  async #prove(): Promise<void> {
    if (this.#isProven || this.#parts.base.quantize === undefined) return
    await proveInt8(this.#pool)
    this.#isProven = true
  }

  /** Recording takes many milliseconds, and a model loads many versions of one configuration. */
  #record(parts: ServingParts, frozen: Base): RecordedDecoder {
    const asked = digestOf(parts.config as unknown as Json)
    const model = () => decodingGraph(parts).graph.layOut()
    const known = this.#recorded.get(asked)
    if (known !== undefined) return { ...known, model }
    const { graph, cache } = decodingGraph(parts)
    const key = graph.digest(frozen.weights)
    this.#recorded.set(asked, { key, cache })
    return { key, cache, model: () => graph.layOut() }
  }

  async #warm(key: string, adapter: PreparedAdapter<RecordedDecoder>): Promise<void> {
    const { example } = adapter
    this.#warmings -= 1
    const sequence = this.#warmings
    const row = { sequence, adapter: key, from: 0, ids: idsOf(example) }
    const lane = `warm/${sequence}`
    await this.#decode({ ...runOf([key], adapter, [row]), lane })
    this.forget([sequence])
  }
}

/** In slices, because a vocabulary has up to hundreds of thousands. */
async function tableOf({ name, language, network }: Base): Promise<TokenTable> {
  const size = network.vocabulary?.size ?? 0
  invariant(language, `the base ${name} is no language model`)
  const each = await eventLoop.each(
    Array.from({ length: size }, (_, id) => id),
    (id) => language.bytes?.(id) ?? Buffer.from(language.text([id])),
  )
  const offsets = new Int32Array(size + 1)
  for (const [id, { length }] of each.entries()) offsets[id + 1] = (offsets[id] ?? 0) + length
  return { bytes: Buffer.concat(each), offsets, ends: language.ends }
}

function likelyIn(tokens: FeedTensor | undefined, logs: FeedTensor | undefined) {
  if (tokens === undefined || logs === undefined) return []
  return Array.from(tokens.data, (_, at) => likelyAt(tokens, logs, at))
}

function likelyAt(tokens: FeedTensor, logs: FeedTensor, at: number): Likely {
  return { token: tokens.data[at] ?? -1, logProbability: logs.data[at] ?? NaN }
}

function runOf(
  held: readonly string[],
  { graph, family }: PreparedAdapter<RecordedDecoder>,
  rows: readonly SequenceRow[],
): DecodeRun {
  return {
    ...{ session: graph.key, cache: graph.cache, lane: family, held },
    rows: rows.map((row) => ({ ...row, adapter: held.indexOf(row.adapter) })),
  }
}

/** The error of a text when a step of it fails. */
export function stepFailure(error: unknown): Error {
  if (error instanceof CodedError) return error
  return failure('ENGINE_FAILED', String(error), { cause: error })
}
