/**
 * What the model reads for each input: the prompt, cut to the context, and before it the stored answers to questions like it. Where the
 * same question has an answer, that is given and nothing is written.
 */
import type { CitedEvent, Input } from '../../../contracts/event.ts'
import { fittedPrompt, type FittedPrompt } from '../../../nn/fitted-prompt.ts'
import { eventLoop } from '../../../platform/slices.ts'
import type { HeldVersion, NearLesson, TextWriting } from '../../live/contract.ts'
import type { RecalledSources } from '../../live/predict.ts'
import type { TextOptions } from './contract.ts'
import type { Structure } from './structure.ts'

/** Of one input, with the ids of its texts. */
export interface TextPrompt extends FittedPrompt {
  readonly input: Input
  readonly choices: readonly string[]
  readonly recalled?: RecalledSources
  /** The events of the lessons that it was given. */
  readonly cited?: readonly CitedEvent[]
  /** The answer, where the same question has one. */
  readonly given?: Int32Array
}

/** What is asked for, with the schema as it was read. */
export type BoundOptions = Omit<TextOptions, 'structure'> & {
  readonly structure: Structure | undefined
}

export class TextPrompts {
  readonly #writing: Pick<TextWriting, 'language' | 'lessons' | 'usual'>

  constructor(writing: Pick<TextWriting, 'language' | 'lessons' | 'usual'>) {
    this.#writing = writing
  }

  /** `given`: the tokens themselves, where a client sends those. */
  plain(
    input: Input,
    choices: readonly string[],
    { maxTokens }: TextOptions,
    given: Int32Array | undefined,
  ): TextPrompt {
    const { language, usual } = this.#writing
    const own = given ? { prompt: () => given, before: language.before ?? [] } : language
    const fitted = fittedPrompt(own, input, {
      ...{ most: language.positions, answer: maxTokens ?? usual.maxTokens },
      overflow: usual.overflow,
    })
    return { input, choices, ...fitted }
  }

  /** With the answers that the version has stored to questions like theirs. */
  async informed(
    prompts: readonly TextPrompt[],
    { digest }: Pick<HeldVersion['manifest'], 'digest'>,
    options: BoundOptions,
  ): Promise<readonly TextPrompt[]> {
    const { lessons } = this.#writing
    if (lessons === undefined) return prompts
    const inputs = prompts.map(({ input }) => input)
    const near = await lessons.near(digest, inputs)
    const { structure } = options
    const fit = near.map(([nearest]) => nearest && structure?.fits(nearest.answer))
    return eventLoop.each(prompts, (prompt, at) =>
      this.#informed(prompt, near[at] ?? [], options, fit[at]),
    )
  }

  /** As many of them, the nearest first, as leave the answer its room. */
  #informed(
    prompt: TextPrompt,
    near: readonly NearLesson[],
    { maxTokens = this.#writing.usual.maxTokens }: BoundOptions,
    fits: boolean | undefined,
  ): TextPrompt {
    const { language, lessons } = this.#writing
    const [nearest] = near
    if (nearest?.isSame === true && fits !== false) {
      const end = language.ends.slice(0, 1)
      const given = Int32Array.from([...language.tokens(nearest.answer), ...end])
      return {
        ...prompt,
        given,
        cited: citedIn(near),
        recalled: { sources: sourcesOf(near), cut: 0 },
      }
    }
    const most = language.positions
    const room = most - Math.max(1, Math.min(maxTokens, Math.floor(most / 2)))
    for (let count = near.length; count > 0; count -= 1) {
      const used = near.slice(0, count)
      const ids = language.prompt(lessons?.informed(prompt.input, used) ?? prompt.input)
      if (ids.length > room) continue
      const recalled = { sources: sourcesOf(used), cut: near.length - count }
      return { ...prompt, ids, cited: citedIn(used), recalled }
    }
    return { ...prompt, recalled: { sources: [], cut: near.length } }
  }
}

function citedIn(lessons: readonly NearLesson[]): readonly CitedEvent[] {
  return lessons.map(({ source, id, timeMs }) => ({
    ...{ source, id, ...(timeMs !== undefined && { timeMs }) },
  }))
}

function sourcesOf(lessons: readonly NearLesson[]): RecalledSources['sources'] {
  return lessons.map(({ source, id, similarity }) => ({ source, id, similarity }))
}
