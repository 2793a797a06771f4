/** A text as people see it, and how good the texts are. */
import type { TaskView } from '../../contracts/task-view.ts'
import { answers as rewarded } from '../../payloads/signals/answers.ts'
import { completion } from '../../payloads/signals/completion.ts'
import { preference } from '../../payloads/signals/preference.ts'
import { rating } from '../../payloads/signals/rating.ts'
import type { TextReport } from './quality.ts'
import { generationSchemas, meaning } from './schemas.ts'

/** A type: it is JSON. */
export type TextAnswer = Readonly<{ text: string; finish_reason: 'stop' | 'length' }>

export const generationView: TaskView<TextAnswer> = {
  signals: [completion, preference, rewarded, rating],
  schemas: generationSchemas,
  score: { name: 'likelihood', meaning },
  headline: {
    measure: {
      name: 'loss',
      meaning: 'how much a token of the right answer surprises the model: 0 = it is sure of each',
      values(report) {
        const { completions } = report as Partial<TextReport>
        if (completions === undefined || completions.events === 0) return undefined
        return { recent: completions.token_loss_recent, all: completions.token_loss }
      },
    },
    figure: (loss) => loss.toFixed(2),
    phrase: (figure) => `loss ${figure}`,
  },
  example: () => ({ completion: 'Thank you for telling us. We are on it.' }),
  answer: (answer) => answer,
  message: ({ text }) => ({ text: typeof text === 'string' ? text : '' }),
  served: ({ text, finish_reason }) => ({ text, shown: { text, finish_reason } }),
  facts: () => ({}),
  stratum: (stratum) => ({ kind: stratum }),
  brief(report) {
    const { completions, pairs, ratings, rewards, answers } = textsIn(report)
    return {
      token_loss_recent: completions.token_loss_recent,
      perplexity_recent: completions.perplexity_recent,
      reward_accuracy_recent: pairs.reward_accuracy_recent,
      ratings_up_recent: ratings.up_recent,
      reward_recent: rewards.reward_recent,
      characters_recent: answers.characters_recent,
      repetition_recent: answers.repetition_recent,
    }
  },
  gauges: [],
  measure(report, gauge) {
    const { completions, pairs, ratings, rewards, answers } = textsIn(report)
    gauge('tokenLoss', { window: 'all' }, completions.token_loss)
    gauge('tokenLoss', { window: 'recent' }, completions.token_loss_recent)
    gauge('rewardAccuracy', { window: 'all' }, pairs.reward_accuracy)
    gauge('rewardAccuracy', { window: 'recent' }, pairs.reward_accuracy_recent)
    gauge('ratingsUp', { window: 'all' }, ratings.up)
    gauge('ratingsUp', { window: 'recent' }, ratings.up_recent)
    gauge('answerReward', { window: 'all' }, rewards.reward)
    gauge('answerReward', { window: 'recent' }, rewards.reward_recent)
    gauge('answerCharacters', {}, answers.characters_recent)
    gauge('answerRepetition', {}, answers.repetition_recent)
  },
}

function textsIn(report: object): TextReport {
  return report as TextReport
}
