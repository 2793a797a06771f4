/**
 * Generation: a text that continues a prompt or a conversation, token by token. It learns completions (supervised fine-tuning),
 * pairs of answers (DPO), ratings (KTO) and corrections, which are a completion and a pair.
 */
import type { Task } from '../../contracts/task.ts'
import { fixedHead } from '../fixed-head.ts'
import { encodeTexts, exchangedTexts } from './encode.ts'
import { generationHead } from './head.ts'
import { completionWeight, driftOf, textLoss } from './loss.ts'
import { openTextQuality } from './quality.ts'
import { scoreOf } from './score.ts'
import type { GenerationSettings } from './settings.ts'
import { checkTexts, targetOf, textsOf, type TextTarget } from './target.ts'
import { generationView, type TextAnswer } from './view.ts'

export function openGeneration(settings: GenerationSettings): Task<TextTarget, TextAnswer> {
  return {
    ...fixedHead,
    ...generationHead,
    view: generationView,
    present: (facts) => facts,
    shared: () => Infinity,

    target: (signal, served) => targetOf(signal, served),
    admit(signal) {
      if (signal.kind !== 'retract') checkTexts(signal)
    },
    supersedes: ({ kind }) => kind !== 'rating',

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
      if (target.kind === 'preference') return Number(served !== target.chosen)
      return Number(served !== target.completion)
    },

    texts: {
      encode: (input, target, to) =>
        encodeTexts(
          {
            input,
            answers: textsOf(target),
            isCompared: target.kind !== 'completion' || settings.kl > 0,
            overflow: settings.overflow,
          },
          to,
        ),
      completes: (target) => completionWeight(target, settings),
      isMeasured: ({ kind }) => kind === 'rating',
      exchanged: exchangedTexts,
      drift: driftOf,
      usual: {
        maxTokens: settings.max_tokens,
        temperature: settings.temperature,
        topP: settings.top_p,
        overflow: settings.overflow,
      },
    },

    // A text is made by the decoding engine; one pass through the network makes none.
    decode: () => ({ text: '', finish_reason: 'length' }),

    stratum: ({ kind }) => kind,
    size: (target) => textsOf(target).reduce((sum, text) => sum + text.length, 0),
    isTest: ({ kind }) => kind !== 'rating',
    shown: ({ kind: _kind, ...target }) => target,
    openQuality: openTextQuality,
  }
}
