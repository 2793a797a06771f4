/**
 * The lessons of the versions that answer, and which of them a question calls for. They are read and embedded when a version is
 * loaded, before it answers, and go with it. A question is compared with them by a small base of text: the activations of a
 * small language model tell the words of questions apart, and seldom what they ask.
 */
import type { Base, LanguageModel, TrunkEngine } from '../../../contracts/base.ts'
import type { Input } from '../../../contracts/event.ts'
import type { Latent } from '../../../contracts/network.ts'
import type { Retrieval } from '../../../contracts/policy.ts'
import type { Lesson, TextRecall } from '../../../contracts/text-task.ts'
import { lessonsIn } from '../../../nn/lessons.ts'
import { eventLoop } from '../../../platform/slices.ts'
import type { AdapterEngine } from '../../live/adapter-cache.ts'
import type { LessonSearch, NearLesson } from '../../live/contract.ts'
import { unit } from '../embedding-service.ts'

export interface LessonParts {
  readonly policy: Retrieval
  readonly recall: TextRecall
  readonly language: LanguageModel
  /** That compares questions. */
  readonly base: Pick<Base, 'encode'>
  readonly trunk: Pick<TrunkEngine, 'encode'>
}

/** Of another question: a base may read no symbols, and embed two questions as one. */
const MOST_SIMILAR = 0.999
/** Questions that are embedded at once, and their tokens that are read. */
const [BLOCK, TOKENS] = [64, 256]

export class Lessons implements LessonSearch {
  readonly #parts: LessonParts
  /** By the engine's key of the adapter. */
  readonly #loaded = new Map<string, readonly Lesson[]>()
  /** Of the questions of loaded versions. */
  readonly #vectors = new Map<string, Float32Array>()

  constructor(parts: LessonParts) {
    this.#parts = parts
  }

  /** The engine, with the lessons of each version that it loads. */
  beside(engine: AdapterEngine): AdapterEngine {
    return {
      load: async (key, version) => {
        // At once, so that a version that goes meanwhile does not take the vectors of these along.
        this.#loaded.set(key, lessonsIn(version.parameters))
        try {
          await this.#embedNew(key)
          await engine.load(key, version)
        } catch (error) {
          this.#forget(key)
          throw error
        }
      },
      unload: (key) => {
        engine.unload(key)
        this.#forget(key)
      },
      rest: (key) => engine.rest?.(key),
    }
  }

  async near(key: string, inputs: readonly Input[]): Promise<readonly (readonly NearLesson[])[]> {
    const { recall, language, policy } = this.#parts
    const lessons = this.#loaded.get(key) ?? []
    if (lessons.length === 0) return inputs.map(() => [])
    const asked = await eventLoop.each(inputs, (input) => recall.asked(input, language))
    const same = asked.map((each) => lessons.find((lesson) => lesson.same === each.same))
    const vectors = await this.#embed(
      asked.flatMap(({ question }, at) => (same[at] === undefined ? [question] : [])),
    )
    return eventLoop.each(asked, ({ question }, at) => {
      const known = same[at]
      if (known !== undefined) return [{ ...known, similarity: 1, isSame: true }]
      const vector = vectors.get(question) ?? new Float32Array()
      const nearestFirst = lessons
        .map((lesson) => {
          const near = cosine(vector, this.#vectors.get(lesson.question))
          const similarity = Math.min(near, MOST_SIMILAR)
          return { ...lesson, similarity, isSame: false }
        })
        .toSorted((one, other) => other.similarity - one.similarity)
      return policy.choose(question, nearestFirst)
    })
  }

  informed(input: Input, nearestFirst: readonly NearLesson[]): Input {
    return this.#parts.recall.informed(input, nearestFirst.toReversed())
  }

  async #embedNew(key: string): Promise<void> {
    const asked = (this.#loaded.get(key) ?? []).map(({ question }) => question)
    const found = await this.#embed(asked.filter((question) => !this.#vectors.has(question)))
    for (const [question, vector] of found) this.#vectors.set(question, vector)
  }

  #forget(key: string): void {
    this.#loaded.delete(key)
    const asked = new Set([...this.#loaded.values()].flat().map(({ question }) => question))
    for (const question of this.#vectors.keys())
      if (!asked.has(question)) this.#vectors.delete(question)
  }

  async #embed(questions: readonly string[]): Promise<ReadonlyMap<string, Float32Array>> {
    const { base, trunk } = this.#parts
    const found = new Map<string, Float32Array>()
    for (let from = 0; from < questions.length; from += BLOCK) {
      const block = questions.slice(from, from + BLOCK)
      const rows = await eventLoop.each(block, (text) =>
        base.encode({ kind: 'text', text }, TOKENS),
      )
      const latents = await trunk.encode(rows)
      for (const [at, latent] of latents.entries()) found.set(block[at] ?? '', meanOf(latent))
    }
    return found
  }
}

/** Of its positions, at length 1. */
function meanOf({ data, width, positions }: Latent): Float32Array {
  const sum = new Float32Array(width)
  for (let at = 0; at < positions * width; at += 1)
    sum[at % width] = (sum[at % width] ?? 0) + (data[at] ?? 0)
  return unit(sum)
}

function cosine(one: Float32Array, other: Float32Array = new Float32Array()): number {
  let sum = 0
  for (let at = 0; at < one.length; at += 1) sum += (one[at] ?? 0) * (other[at] ?? 0)
  return sum
}
