/**
 * Quality of the texts: the loss of completions per token and the share of pairs in the right order, each before it was learned;
 * the ratings; the rewards; and how long and how repetitive the answers were that feedback refers to.
 */
import type { Json } from '../../contracts/core.ts'
import type { Score } from '../../contracts/example.ts'
import type { TaskQuality } from '../../contracts/task.ts'
import { noMean, observed, ratio, type MeanState } from '../../evaluation/running-scores.ts'
import { repetitionOf } from './repetition.ts'
import { meanReward, type TextScore } from './score.ts'
import type { TextTarget } from './target.ts'

/** Means over all examples, and over recent ones by a fading factor. */
const parts = [
  'accuracy',
  'tokenLoss',
  'inOrder',
  'margin',
  'liked',
  'reward',
  'length',
  'repetition',
] as const
type Part = (typeof parts)[number]
type State = Readonly<Record<Part, MeanState>>

const empty = Object.fromEntries(parts.map((part) => [part, noMean])) as State

/** The report. A type: it is JSON. */
export type TextReport = Readonly<{
  events: number
  accuracy: number
  accuracy_recent: number
  completions: {
    readonly events: number
    readonly token_loss: number
    readonly token_loss_recent: number
    readonly perplexity: number
    readonly perplexity_recent: number
  }
  pairs: {
    readonly events: number
    readonly reward_accuracy: number
    readonly reward_accuracy_recent: number
    readonly margin_recent: number
  }
  ratings: { readonly events: number; readonly up: number; readonly up_recent: number }
  /** Of answers with rewards, the mean over them. */
  rewards: { readonly events: number; readonly reward: number; readonly reward_recent: number }
  answers: {
    readonly events: number
    readonly characters_recent: number
    readonly repetition_recent: number
  }
}>

export function openTextQuality(): TaskQuality<TextTarget> {
  let state = empty
  const add = (part: Part, value: number) => {
    state = { ...state, [part]: observed(state[part], value) }
  }
  return {
    observe(score: Score, target) {
      const { tokenLoss, margin } = score.answer as TextScore
      add('accuracy', 1 - score.error)
      if (tokenLoss !== null && Number.isFinite(tokenLoss)) add('tokenLoss', tokenLoss)
      if (margin !== null && Number.isFinite(margin)) {
        add('inOrder', margin === 0 ? 0.5 : Number(margin > 0))
        add('margin', margin)
      }
      if (target.kind === 'answers') add('reward', meanReward(target.answers))
      if (target.kind === 'rating') add('liked', Number(target.rating === 1))
      const served = servedIn(target)
      if (served === undefined) return
      add('length', served.length)
      add('repetition', repetitionOf(served))
    },
    report: () => reportOf(state),
    snapshot: () => ({ ...state }),
    restore(saved) {
      state = { ...empty, ...(saved as Readonly<Record<string, Json>> & Partial<State>) }
    },
  }
}

/** The answer that was served, where the feedback is about one. */
function servedIn(target: TextTarget): string | undefined {
  if (target.kind === 'rating') return target.completion
  return target.kind === 'correction' ? target.rejected : undefined
}

function reportOf(state: State): TextReport {
  const all = (part: Part) => ratio(state[part][1], state[part][0])
  const recent = (part: Part) => ratio(state[part][3], state[part][2])
  const events = (part: Part) => state[part][0]
  return {
    events: events('accuracy'),
    accuracy: all('accuracy'),
    accuracy_recent: recent('accuracy'),
    completions: {
      events: events('tokenLoss'),
      token_loss: all('tokenLoss'),
      token_loss_recent: recent('tokenLoss'),
      perplexity: Math.exp(all('tokenLoss')),
      perplexity_recent: Math.exp(recent('tokenLoss')),
    },
    pairs: {
      events: events('inOrder'),
      reward_accuracy: all('inOrder'),
      reward_accuracy_recent: recent('inOrder'),
      margin_recent: recent('margin'),
    },
    ratings: { events: events('liked'), up: all('liked'), up_recent: recent('liked') },
    rewards: { events: events('reward'), reward: all('reward'), reward_recent: recent('reward') },
    answers: {
      events: events('length'),
      characters_recent: recent('length'),
      repetition_recent: recent('repetition'),
    },
  }
}
