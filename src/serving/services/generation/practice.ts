/**
 * Practice: the live version answers one input several times, a user's program says what each answer is worth, and both are an event
 * like any other. The trainer reads it where it reads all feedback, so that a crash asks nothing again (law 2).
 */
import { randomUUID } from 'node:crypto'
import type { Json } from '../../../contracts/core.ts'
import type { Input } from '../../../contracts/event.ts'
import type { RewardedAnswer } from '../../../payloads/signals/answers.ts'
import type { AnswerRewards, TextWriting } from '../../live/contract.ts'
import type { FeedbackGate } from '../feedback/feedback-gate.ts'
import type { Generation, GenerationService } from './contract.ts'

export interface PracticeRequest {
  readonly input: Input
  readonly facts: Json
  readonly samples: number
  readonly temperature: number
  readonly maxTokens?: number | undefined
  readonly seed?: number | undefined
  /** Event sources that the caller may name; absent = all. */
  readonly sources?: readonly string[] | undefined
  readonly signal: AbortSignal
}

export interface Practice extends Pick<Generation, 'manifest' | 'generation' | 'arm'> {
  readonly answers: readonly RewardedAnswer[]
  /** What teaches them; absent: all are worth the same, and nothing is learned. */
  readonly event?: { readonly id: string; readonly position?: string | undefined }
}

export interface PracticeService {
  /** Throws `REWARD_FAILED`, and what texts and feedback throw. */
  practise(request: PracticeRequest): Promise<Practice>
}

interface PracticeOptions {
  readonly language: Pick<TextWriting['language'], 'prompt'>
  readonly generation: Pick<GenerationService, 'generate'>
  readonly reward: AnswerRewards
  readonly feedback: Pick<FeedbackGate, 'checkLearns' | 'give'>
}

export function openPractice({
  language,
  generation,
  reward,
  feedback,
}: PracticeOptions): PracticeService {
  return {
    async practise({ input, facts, samples, temperature, maxTokens, seed, sources, signal }) {
      feedback.checkLearns()
      const written = await generation.generate({
        ...{ inputs: [input], n: samples, temperature, topP: 1, maxTokens, seed, signal },
        // As the event is learned: without stored answers before the prompt, and not as an answer that was served.
        prompts: [language.prompt(input)],
      })
      const texts = await wholeTexts(written, samples)
      const { kind: _, ...given } = input
      const judged = texts.map(({ text, finish_reason }) => ({
        ...{ input: given, answer: text, finish_reason, facts },
      }))
      const rewards = await reward.worth(judged)
      const answers = texts.map(({ text, finish_reason }, at): RewardedAnswer => ({
        ...{ text, reward: rewards[at] ?? 0 },
        ...(finish_reason === 'length' && { finish_reason }),
      }))
      const { manifest, generation: generationNumber, arm } = written
      const shown = {
        ...{ manifest, generation: generationNumber, answers },
        ...(arm !== undefined && { arm }),
      }
      // A cut answer without a text has no token to learn.
      const learned = answers.filter(({ text, finish_reason }) => text !== '' || !finish_reason)
      if (new Set(learned.map(({ reward: each }) => each)).size < 2) return shown
      const event = { id: randomUUID(), source: SOURCE, input: given, answers: learned }
      const bytes = new TextEncoder().encode(JSON.stringify(event))
      const { rejected, position } = await feedback.give([{ bytes }], { sources })
      const [refused] = rejected
      if (refused !== undefined) throw refused.error
      return { ...shown, event: { id: event.id, position } }
    },
  }
}

/** Of the events that practice writes. */
const SOURCE = 'practice'

interface WholeText {
  readonly text: string
  readonly finish_reason: 'stop' | 'length'
}

async function wholeTexts(
  { parts }: Pick<Generation, 'parts'>,
  samples: number,
): Promise<readonly WholeText[]> {
  const texts = Array.from({ length: samples }, () => '')
  const finishes = texts.map((): 'stop' | 'length' => 'stop')
  for await (const { index, text, finish } of parts) {
    texts[index] = (texts[index] ?? '') + text
    if (finish !== undefined) finishes[index] = finish
  }
  return texts.map((text, at) => ({ text, finish_reason: finishes[at] ?? 'stop' }))
}
