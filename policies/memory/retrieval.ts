/**
 * Retrieval: corrected and completed answers are stored, and those to questions like the one that is asked stand before it in
 * the message of the user. The same question, letter by letter, gets the stored answer itself, so that a fact is taught once.
 *
 *   before x:  qᵢ, aᵢ  of the `count` largest cos(e(x), e(qᵢ)) ≥ similarity, the nearest last
 *
 * A newer answer to the same question replaces the older one; beyond `capacity` or `bytes` the oldest go first. Each answer
 * names the events that it was given. Rated answers and pairs are not stored: they do not say what is right.
 *
 * Lewis et al. (2020), "Retrieval-augmented generation for knowledge-intensive NLP tasks", NeurIPS; corrections that a model
 * is given again instead of being trained on them as in Madaan et al. (2022), "Memory-assisted prompt editing to improve
 * GPT-3 after deployment", EMNLP.
 *
 *     base: smollm2
 *     task: generation
 *     memory: { policy: retrieval, count: 2 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Memory, MemoryItem, PolicyKind } from '../../src/contracts/policy.ts'
import type { Lesson } from '../../src/contracts/text-task.ts'
import { integer, number } from '../settings.ts'

const settings = {
  count: integer([1, 32], 1, 'most stored answers before a prompt'),
  similarity: number([-1, 1], 0.6, 'least cosine of a stored question to the one that is asked'),
  embedding: {
    type: 'text',
    minLength: 1,
    maxLength: 64,
    default: 'static',
    description: 'base of text that compares questions, by its name',
  },
  capacity: integer([1, 16_384], 1000, 'answers stored; each is in every version'),
  bytes: integer([1024, 67_108_864], 4_194_304, 'total size of their texts'),
  every: integer(
    [1, 1_000_000],
    1,
    'stored answers after which a version is published before the next update',
  ),
} as const

type Settings = SettingsOf<typeof settings>

export const retrieval: PolicyKind<Memory, Settings> = {
  summary: 'corrected answers to like questions stand before the prompt, and are cited',
  settings,
  needsTexts: true,
  open: ({ count, similarity, embedding, capacity, bytes, every }) => ({
    retrieval: { count, similarity, embedding },
    voice: { weight: 0, threshold: 1, sharpness: 1 },
    every,
    offer(item, kept) {
      if (bytesOf(item) > bytes) return [item.key]
      const gone = kept.filter((other) => lessonOf(other).same === lessonOf(item).same)
      const stay = kept.filter((other) => !gone.includes(other))
      let total = stay.reduce((sum, other) => sum + bytesOf(other), bytesOf(item))
      let count = stay.length + 1
      for (const oldest of stay) {
        if (count <= capacity && total <= bytes) break
        gone.push(oldest)
        total -= bytesOf(oldest)
        count -= 1
      }
      return gone.map(({ key }) => key)
    },
  }),
}

function lessonOf({ vote }: MemoryItem): Lesson {
  return vote as unknown as Lesson
}

/** As UTF-8 has them at most, nearly always. */
function bytesOf(item: MemoryItem): number {
  const { question, answer } = lessonOf(item)
  return 2 * (question.length + answer.length)
}
