/**
 * Retrieval: corrected and completed answers are stored, and those to questions like the one that is asked stand before it in
 * the message of the user. The same question, symbol by symbol, gets the stored answer itself, so that a fact is taught once.
 *
 *   before x:  qᵢ, aᵢ  of the `count` largest cᵢ = cos(e(x), e(qᵢ)) ≥ similarity, the nearest last
 *   none if    c₁ < c′ + margin,  c′ the largest of another answer that is left out
 *   never i    where x names what neither qᵢ nor aᵢ does
 *
 * Questions about two products differ in a name alone, so their embeddings are near: the names decide. A name is a word with a
 * capital inside a sentence, or with letters and digits, and the number behind one; and so is a symbol. Where nothing is clearly nearest, nothing is
 * cited: lessons about other sides of the same thing are all as near to a question about one that was never taught.
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
import type { Memory, MemoryItem, NearText, PolicyKind } from '../../src/contracts/policy.ts'
import type { Lesson } from '../../src/contracts/text-task.ts'
import { integer, number } from '../settings.ts'
import { leaving, roomSettings } from './newest.ts'

const settings = {
  count: integer([1, 32], 1, 'most stored answers before a prompt'),
  similarity: number([-1, 1], 0.5, 'least cosine of a stored question to the one that is asked'),
  margin: number(
    [0, 2],
    0.04,
    'how much nearer the nearest is than one of another answer that is left out; otherwise none is used',
  ),
  names: {
    type: 'choice',
    options: ['required', 'ignored'],
    default: 'required',
    description:
      'whether a stored answer must have the names of the question; ignored suits languages that write all nouns with capitals, as German does',
  },
  embedding: {
    type: 'text',
    minLength: 1,
    maxLength: 64,
    default: 'minilm',
    description: 'base of text that compares questions, by its name',
  },
  ...roomSettings(
    {
      what: 'answers stored; each is in every version',
      of: 'their texts',
      due: 'stored answers',
    },
    { capacity: 1000, bytes: [4_194_304, 67_108_864] },
  ),
} as const

type Settings = SettingsOf<typeof settings>

export const retrieval: PolicyKind<Memory, Settings> = {
  summary: 'corrected answers to like questions stand before the prompt, and are cited',
  settings,
  needsTexts: true,
  open: ({ embedding, every, ...chosen }) => ({
    retrieval: {
      embedding,
      choose: (question, nearestFirst) => chosenOf(question, nearestFirst, chosen),
    },
    voice: { weight: 0, threshold: 1, sharpness: 1 },
    every,
    offer(item, kept) {
      const { same } = lessonOf(item)
      const isReplaced = (other: MemoryItem) => lessonOf(other).same === same
      return leaving(item, kept, chosen, { size: bytesOf, isReplaced })
    },
  }),
}

function chosenOf<Near extends NearText>(
  asked: string,
  nearestFirst: readonly Near[],
  { count, similarity, margin, names }: Omit<Settings, 'embedding' | 'every'>,
): readonly Near[] {
  const isAble = names === 'required' ? sayingNames(asked) : () => true
  const used: Near[] = []
  for (const near of nearestFirst) {
    // What is farther can no longer change the choice.
    if (near.similarity < similarity - margin) break
    if (!isAble(near)) continue
    const isUsed = used.length < count && near.similarity >= similarity
    if (isUsed) used.push(near)
    else if (used.every(({ answer }) => answer !== near.answer))
      return (used[0]?.similarity ?? -1) - near.similarity < margin ? [] : used
  }
  return used
}

/** Whether it says every name in the question. */
function sayingNames(asked: string): (near: NearText) => boolean {
  const named = namesIn(asked)
  if (named.length === 0) return () => true
  return ({ question, answer }) => {
    const said = new Set([...wordsIn(question), ...wordsIn(answer)])
    return named.every((name) => said.has(name))
  }
}

/** `C#` and `.NET` are words, and so is each symbol. */
const WORD =
  /(?<![^\s(])\.?[\p{L}\p{M}\p{N}]+(?:[-.][\p{L}\p{M}\p{N}]+)*[#+]*|[\p{L}\p{M}\p{N}]+(?:[-.][\p{L}\p{M}\p{N}]+)*|[\p{S}#%&*]/gu
const SYMBOL = /[\p{S}#%&*]|^\./u
/** Where a capital says nothing: at the start, and behind the end of a sentence. */
const START = /(?:^|[.!?:;\n])[^\p{L}\p{N}]*$/u

function wordsIn(text: string): readonly string[] {
  return (text.normalize('NFKC').match(WORD) ?? []).map((word) => word.toLowerCase())
}

/** None where every letter is a capital. */
function namesIn(text: string): readonly string[] {
  const normal = text.normalize('NFKC')
  if (!/\p{Ll}/u.test(normal)) return []
  let end = -1
  return [...normal.matchAll(WORD)].flatMap(({ 0: word, index }) => {
    const isNumber = /^[\p{N}.-]+$/u.test(word)
    const isName = isNumber
      ? end >= 0 && normal.slice(end, index).trim() === ''
      : SYMBOL.test(word) ||
        /\p{N}/u.test(word) ||
        (/^\p{Lu}./u.test(word) && !START.test(normal.slice(0, index)))
    end = isName ? index + word.length : -1
    return isName ? [word.toLowerCase()] : []
  })
}

function lessonOf({ vote }: MemoryItem): Lesson {
  return vote as unknown as Lesson
}

/** As UTF-8 has them at most, nearly always. */
function bytesOf(item: MemoryItem): number {
  const { question, answer } = lessonOf(item)
  return 2 * (question.length + answer.length)
}
