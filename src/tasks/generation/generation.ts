/**
 * Generation: a text that continues a prompt or a conversation, token by token. It learns completions (supervised fine-tuning),
 * pairs of answers (DPO), answers with rewards (RLOO), ratings (KTO) and corrections, which are a completion and a pair.
 */
import type { Task } from '../../contracts/task.ts'
import { fixedHead } from '../fixed-head.ts'
import { generalTexts } from './general-texts.ts'
import { generationHead } from './head.ts'
import { completionWeight, driftOf, isComparedWithBase, learnedTexts, textLoss } from './loss.ts'
import { openTextQuality } from './quality.ts'
import { recall } from './recall.ts'
import { scoreOf } from './score.ts'
import type { GenerationSettings } from './settings.ts'
import {
  bestOf,
  checkTexts,
  shownTexts,
  targetOf,
  textsOf,
  type TargetText,
  type TextTarget,
} from './target.ts'
import { generationView, type TextAnswer } from './view.ts'
import type { EncodedRow, TokenSequence } from '../../contracts/network.ts'
import type { Input } from '../../contracts/event.ts'
import type { ContextOverflow, TextLimits } from '../../contracts/text-task.ts'
import { fittedPrompt } from '../../nn/fitted-prompt.ts'
import { invariant } from '../../platform/errors.ts'

export function openGeneration(settings: GenerationSettings): Task<TextTarget, TextAnswer> {
  return {
    ...fixedHead,
    ...generationHead,
    view: generationView,
    present: (facts) => facts,
    shared: () => Infinity,

    target: (signal, served, _head, wasCut) => targetOf(signal, served, wasCut),
    admit: checkTexts,

    loss: (row, _head, gradient) => textLoss(row, settings, gradient),
    distil(outputs, teacher, { share }, gradient) {
      let loss = 0
      for (const [at, value] of outputs.entries()) {
        const distance = value - (teacher[at] ?? value)
        gradient[at] = (gradient[at] ?? 0) + share * distance
        loss += 0.5 * share * distance * distance
      }
      return loss
    },
    score: (outputs, target) => scoreOf(outputs, target, settings),
    judge(served, target) {
      if (target.kind === 'rating') return Number(target.rating === -1)
      return Number(served !== bestOf(target))
    },

    texts: {
      encode: (input, target, to) =>
        encodeTexts(
          {
            input,
            answers: learnedTexts(target, settings),
            isCompared: isComparedWithBase(target, settings),
            overflow: settings.overflow,
          },
          to,
        ),
      completes: (target) => completionWeight(target, settings),
      recall,
      isMeasured: ({ kind }) => kind === 'rating',
      verdict: (target) => (target.kind === 'rating' ? target.rating : undefined),
      exchanged: exchangedTexts,
      drift: driftOf,
      ...(settings.general_batch > 0 && {
        general: { batch: settings.general_batch, rows: generalRows },
      }),
      ...(settings.reward !== undefined && {
        reward: { program: settings.reward, timeoutMs: settings.reward_timeout },
      }),
      usual: {
        maxTokens: settings.max_tokens,
        temperature: settings.temperature,
        topP: settings.top_p,
        overflow: settings.overflow,
      },
    },

    // A text is made by the decoding engine; one pass through the network makes none.
    decode: () => ({ text: '', finish_reason: 'length' }),

    strata: ({ kind }) => [kind],
    size: (target) => textsOf(target).reduce((sum, { text }) => sum + text.length, 0),
    isTest: ({ kind }) => kind !== 'rating' && kind !== 'answers',
    shown: shownTexts,
    openQuality: openTextQuality,
  }
}

const generalRows = generalTexts.map((text) => {
  const [content = '', completion = ''] = text.split('\t')
  const input: Input = { kind: 'messages', messages: [{ role: 'user', content }] }
  return { input, target: { kind: 'general', completion } as const }
})

/**
 * The tokens of an example: the prompt, and behind it each answer with the token that ends it, if it was done. An answer that does
 * not fit is cut at its end, and then nothing ends it; a prompt that leaves no room for one is refused, or loses its oldest turns.
 */
interface Texts {
  readonly input: Input
  readonly answers: readonly TargetText[]
  readonly isCompared: boolean
  readonly overflow: ContextOverflow
}

function encodeTexts(
  { input, answers, isCompared, overflow }: Texts,
  { language, maxTokens }: TextLimits,
): EncodedRow {
  const most = Math.min(maxTokens, language.positions)
  const wholes = answers.map(({ text, isCut = false }) => {
    const end = isCut ? [] : language.ends.slice(0, 1)
    return [...language.tokens(text), ...end]
  })
  const longest = Math.max(...wholes.map(({ length }) => length))
  const fitted = fittedPrompt(language, input, { most, answer: longest, overflow })
  const prompt = fitted.ids
  const room = most - prompt.length
  const ids: number[] = []
  const sequences: TokenSequence[] = []
  let { dropped } = fitted
  for (const whole of wholes) {
    const kept = whole.slice(0, room)
    dropped += whole.length - kept.length
    ids.push(...prompt, ...kept)
    sequences.push({ length: prompt.length + kept.length, answerFrom: prompt.length })
  }
  return {
    data: Int32Array.from(ids),
    sequences,
    ...(dropped > 0 && { dropped }),
    ...(isCompared && { isCompared }),
  }
}

/** The prompt of one with the answer of the other, both of one sequence; cut at its end. */
function exchangedTexts(prompt: EncodedRow, answer: EncodedRow, maxTokens: number): EncodedRow {
  const [before, after] = [parted(prompt).before, parted(answer).after]
  const ids = Int32Array.from([...before, ...after].slice(0, maxTokens))
  const sequences = [{ length: ids.length, answerFrom: before.length }]
  return { data: ids, sequences, isCompared: true }
}

function parted(row: EncodedRow) {
  const [sequence] = row.sequences ?? []
  invariant(sequence !== undefined, 'a row of texts has sequences')
  const { length, answerFrom } = sequence
  return { before: row.data.slice(0, answerFrom), after: row.data.slice(answerFrom, length) }
}
