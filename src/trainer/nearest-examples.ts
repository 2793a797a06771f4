/**
 * What an answer rests on most: of the examples that its version has learned, those that are nearest to its input in the embedding
 * that the head of the version reads. Of a model of texts, by what the adapter reads of the prompts.
 *
 *   similarity(x, xᵢ) = cos(e(x), e(xᵢ)),   e: the tail with the adapter of the version, pooled
 *   outline(x) = mean of the positions of x at the cut
 *
 * The examples are those of the version's replay buffer and memory; where it has none, or a closed form has learned more than
 * replay keeps, the newest of the event log. Where they have several positions, only the `NEAR` with the nearest outlines go
 * through the tail, which costs as much as an answer.
 *
 * Nothing of it is stored. The last version that was asked about stays in memory, until an example is taken back.
 */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import type { Embedder } from '../contracts/adapter.ts'
import type { ExampleKey, Tensors } from '../contracts/core.ts'
import type { Input } from '../contracts/event.ts'
import type { Example } from '../contracts/example.ts'
import type { EncodedRow, Latent } from '../contracts/network.ts'
import type { Manifest } from '../versions/contract.ts'
import { fittedPrompt } from '../nn/fitted-prompt.ts'
import { failure, invariant } from '../platform/errors.ts'
import type { NearestAnswer, NearestQuestion, NearExample } from './contract.ts'
import type { RestoreVersion } from './lineage/restore-version.ts'
import type { LatentProvider } from './sources/latents.ts'
import { adapterText } from './state.ts'

interface NearestParts extends RestoreVersion {
  readonly latents: LatentProvider
}

/** Examples that are looked at, the newest, and the numbers of their outlines. */
const MOST_EXAMPLES = 4096
const MOST_NUMBERS = 2 ** 22
/** Examples of several positions that go through the tail. */
const NEAR = 256
/** Examples that are encoded at once. */
const BLOCK = 256

/** An example, and its vectors as far as they are known, each of length 1. */
interface IndexedExample {
  readonly example: Example
  readonly outline: Float32Array
  embedding?: Float32Array
}

interface VersionIndex {
  readonly version: string
  readonly parameters: Tensors
  /** The newest first. */
  readonly items: readonly IndexedExample[]
}

interface NearItem {
  readonly item: IndexedExample
  readonly similarity: number
}

export class NearestExamples {
  readonly #parts: NearestParts
  #index: VersionIndex | undefined

  constructor(parts: NearestParts) {
    this.#parts = parts
    parts.state.snapshots.onRetract(() => {
      this.#index = undefined
    })
  }

  /** Throws `EXAMPLES_UNKNOWN`, and as encoding an input does. */
  async to(
    { version, inputs, most }: NearestQuestion,
    signal: AbortSignal,
  ): Promise<NearestAnswer> {
    const { loop } = this.#parts
    const { base, maxTokens, trunk } = loop.encoding
    await Promise.all(inputs.map(async (input) => base.prepare?.(input, maxTokens, signal)))
    const latents = await trunk.encode(inputs.map((input) => this.#rowOf(input)))
    const index = await this.#indexOf(version, signal)
    const shown = (near: readonly NearItem[]) =>
      near.slice(0, most).map((each) => this.#shown(each))
    const byOutline = (latent: Latent) => nearestTo(outlineOf(latent), index.items)
    if (loop.task.reads === 'answers' || index.items.length === 0)
      return { nearest: latents.map((latent) => shown(byOutline(latent))) }
    const embedder = loop.adapter.openEmbedder(index.parameters)
    try {
      const nearest: (readonly NearExample[])[] = []
      for (const [at, vector] of embedder.of(latents).entries()) {
        const latent = latents[at]
        invariant(latent !== undefined, 'an embedding of each row')
        const isLong = latent.positions > 1 && index.items.length > NEAR
        const items = isLong
          ? byOutline(latent).slice(0, NEAR)
          : index.items.map((item) => ({ item }))
        await this.#embed(
          items.map(({ item }) => item),
          embedder,
          signal,
        )
        nearest.push(
          shown(
            nearestTo(
              unit(vector),
              items.map(({ item }) => item),
              'embedding',
            ),
          ),
        )
      }
      return { nearest }
    } finally {
      embedder.close()
    }
  }

  #rowOf(input: Input): EncodedRow {
    const { task, encoding } = this.#parts.loop
    const { base, maxTokens } = encoding
    if (task.texts === undefined || base.language === undefined)
      return base.encode(input, maxTokens)
    const most = Math.min(maxTokens, base.language.positions)
    const { ids } = fittedPrompt(base.language, input, { most, answer: 1, overflow: 'truncate' })
    return { data: ids }
  }

  #shown({ item: { example }, similarity }: NearItem): NearExample {
    const { source, id, timeMs, target } = example
    return {
      ...{ source, id, ...(timeMs !== undefined && { timeMs }), similarity },
      target: this.#parts.loop.task.shown(target),
    }
  }

  async #embed(
    items: readonly IndexedExample[],
    embedder: Embedder,
    signal: AbortSignal,
  ): Promise<void> {
    for (const block of blocksOf(items.filter(({ embedding }) => embedding === undefined))) {
      const latents = await this.#latentsOf(block, signal)
      for (const [at, vector] of embedder.of(latents).entries()) {
        const item = block[at]
        invariant(item !== undefined, 'an embedding of each row')
        item.embedding = unit(vector)
      }
    }
  }

  async #indexOf(version: string, signal: AbortSignal): Promise<VersionIndex> {
    const { loop, retry } = this.#parts
    const known = this.#index
    if (known?.version === version) return known
    this.#index = undefined
    const load = () => loop.registry.load(version)
    const { manifest, parameters } = await retry.run(`loading ${version}`, load, signal)
    if (adapterText(manifest.adapter) !== adapterText(loop.adapter.config))
      throw this.#unknown(version, 'it has another adapter than the config names')
    const items: IndexedExample[] = []
    let numbers = 0
    for (const block of blocksOf(this.#examplesOf(manifest))) {
      const latents = await this.#latentsOf(
        block.map((example) => ({ example })),
        signal,
      )
      for (const [at, latent] of latents.entries()) {
        const [example, outline] = [block[at], outlineOf(latent)]
        invariant(example !== undefined, 'a latent of each example')
        items.push({ example, outline })
        numbers += outline.length
      }
      if (numbers > MOST_NUMBERS) break
    }
    return (this.#index = { version, parameters, items })
  }

  /** The newest first. */
  #examplesOf({ version, events, memory }: Manifest): readonly Example[] {
    const { log, snapshots, learner } = this.#parts.state
    const snapshot = snapshots.of(version)
    const memorised = (snapshot?.memorised ?? []).flatMap(({ key }) => {
      const order = log.orderOf(key)
      return (order === undefined ? undefined : log.exampleAt(order)) ?? []
    })
    const kept = new Map<ExampleKey, Example>()
    for (const example of [...(snapshot?.remembered ?? []), ...memorised])
      kept.set(example.key, example)
    if (kept.size === 0 || learner.learnsOnce)
      for (const example of this.#logged(version)) kept.set(example.key, example)
    const isBlank = events === 0 && (memory?.items ?? 0) === 0
    if (kept.size === 0 && !isBlank)
      throw this.#unknown(version, 'neither replay nor the event log has any')
    return [...kept.values()].slice(-MOST_EXAMPLES).toReversed()
  }

  /** What the log knows that the version has learned, the newest last. */
  #logged(version: string): readonly Example[] {
    const { log } = this.#parts.state
    return [...log.examplesOf(log.summedBy(version).slice(-MOST_EXAMPLES))]
  }

  async #latentsOf(
    items: readonly Pick<IndexedExample, 'example'>[],
    signal: AbortSignal,
  ): Promise<readonly Latent[]> {
    const examples = items.map(({ example }) => example)
    const latents = await this.#parts.latents.all(examples, signal)
    await yieldToEventLoop()
    return examples.map(({ key }) => {
      const latent = latents.get(key)
      invariant(latent !== undefined, 'a latent of each example')
      return latent
    })
  }

  #unknown(version: string, why: string): Error {
    const message = `the examples that ${version} of ${this.#parts.loop.model} has learned are not known: ${why}`
    return failure('EXAMPLES_UNKNOWN', message, { details: { version } })
  }
}

function* blocksOf<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += BLOCK) yield items.slice(from, from + BLOCK)
}

function nearestTo(
  vector: Float32Array,
  items: readonly IndexedExample[],
  by: 'outline' | 'embedding' = 'outline',
): readonly NearItem[] {
  return items
    .map((item) => ({ item, similarity: product(vector, item[by]) }))
    .toSorted((one, other) => other.similarity - one.similarity)
}

function product(one: Float32Array, other: Float32Array = new Float32Array()): number {
  let sum = 0
  for (let at = 0; at < one.length; at += 1) sum += (one[at] ?? 0) * (other[at] ?? 0)
  return sum
}

/** The mean of its positions; of a text with answers, of its prompt. */
function outlineOf({ data, width, positions, sequences }: Latent): Float32Array {
  const [first] = sequences ?? []
  const count = first === undefined ? positions : first.from + 1
  const sum = new Float32Array(width)
  for (let at = 0; at < count * width; at += 1)
    sum[at % width] = (sum[at % width] ?? 0) + (data[at] ?? 0)
  return unit(sum)
}

/** x / ‖x‖. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(product(vector, vector))
  return length > 0 ? vector.map((value) => value / length) : vector
}
