/** The additions of a task that answers with texts. */
import type { LanguageModel } from './base.ts'
import type { Json } from './core.ts'
import type { CitedEvent, Input } from './event.ts'
import type { EncodedRow } from './network.ts'

/** How a task with `reads: 'answers'` turns targets into sequences. */
export interface TextTask<Target = Json> {
  /**
   * The input and each answer to learn from, as sequences. Throws a coded error if they do not fit into `maxTokens`;
   * `dropped` reports the tokens that were cut from an answer or, if the settings allow it, from the input.
   */
  encode(input: Input, target: Target, to: TextLimits): EncodedRow
  /** How much its first answer counts as a completion; 0 = not at all. Absent = no loss depends on the step's `meanTokens`. */
  completes?(target: Target): number
  /** How a memory of answers is filled, and how it is used. */
  readonly recall: TextRecall<Target>
  /** Its loss depends on how far the adapter has moved from the base, measured on the answers of other rows of the step. */
  isMeasured(target: Target): boolean
  /** Whether the answer was liked, where the target is an opinion of it: its weight depends on whose it is. */
  verdict(target: Target): 1 | -1 | undefined
  /** The prompt of one row of a single sequence with the answer of another, up to `maxTokens`. */
  exchanged(prompt: EncodedRow, answer: EncodedRow, maxTokens: number): EncodedRow
  /** How far it has moved, from the outputs of such rows. */
  drift(outputs: readonly Float32Array[]): number
  /** Rows that no event teaches, `batch` of them beside the examples of each step, and what they hold. Absent = none. */
  readonly general?: {
    readonly batch: number
    readonly rows: readonly { readonly input: Input; readonly target: Target }[]
  }
  /** The settings for a request that names none. */
  readonly usual: TextSettings
  /** What says what an answer is worth; absent = nothing does, and no answer is practised. */
  readonly reward?: RewardSettings
}

/** A question and its right answer, of the event that taught it. */
export interface Lesson extends CitedEvent {
  readonly question: string
  readonly answer: string
  /** Equal for prompts that ask the same. */
  readonly same: string
}

export interface TextRecall<Target = Json> {
  /** What an example teaches; undefined if it says nothing that is right by itself. `encoded`: by `encode`. */
  lesson(
    encoded: EncodedRow,
    target: Target,
    language: LanguageModel,
  ): Omit<Lesson, keyof CitedEvent> | undefined
  /** What an input asks, as a lesson of it would have it. */
  asked(input: Input, language: LanguageModel): Pick<Lesson, 'question' | 'same'>
  /** The input with these lessons before it, the last one nearest to the question. */
  informed(input: Input, lessons: readonly Pick<Lesson, 'question' | 'answer'>[]): Input
}

export interface TextLimits {
  readonly language: LanguageModel
  readonly maxTokens: number
}

/** How a text is answered, token by token. */
export interface TextSettings {
  readonly maxTokens: number
  /** 0 = always the likeliest token. */
  readonly temperature: number
  readonly topP: number
  readonly overflow: ContextOverflow
}

/** A user's program. */
export interface RewardSettings {
  /** Path of the module. */
  readonly program: string
  readonly timeoutMs: number
}

/** Whether a prompt that leaves no room for an answer is refused, or loses its oldest turns. */
export type ContextOverflow = 'refuse' | 'truncate'
