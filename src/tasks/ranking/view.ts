/** A ranking as people see it: what is expected of an item, and what shown ones have earned. */
import { Type } from 'typebox'
import type { TaskSchemas, TaskView } from '../../contracts/task-view.ts'
import { reward } from '../../payloads/signals/reward.ts'
import { shown } from '../../payloads/signals/shown.ts'

const foreseen = 'mean of 1 − |reward − expected reward|, as parts of the bounds: 1 = always right'
const Part = Type.Number({ description: 'from 0 = reward_min to 1 = reward_max' })
const LogLoss = Type.Number({ description: 'mean −log of the probability given to the reward' })
const Score = Type.Number({ description: 'between 0 and 1' })

export const rankingSchemas = {
  answer: Type.Object({
    reward: Type.Number({ description: 'what the item is expected to earn in this context' }),
  }),
  facts: Type.Object({
    members: Type.Integer({ description: 'heads of the ensemble that explores; 0 = none' }),
    reward_min: Type.Number(),
    reward_max: Type.Number(),
  }),
  stratum: Type.Object({}),
  quality: Type.Object({
    events: Type.Integer({ description: 'shown items, each scored before it was learned' }),
    accuracy: Type.Number({ description: foreseen }),
    accuracy_recent: Score,
    reward: Part,
    reward_recent: Part,
    first_reward: Part,
    first_reward_recent: Part,
    log_loss: LogLoss,
    log_loss_recent: LogLoss,
    baselines: Type.Object(
      {
        mean_reward: Type.Object({ log_loss: LogLoss, log_loss_recent: LogLoss }),
        uniform: Type.Object({ first_reward: Part, first_reward_recent: Part }),
      },
      {
        description:
          'always expecting the mean so far; and a uniform choice, by inverse propensities',
      },
    ),
  }),
  brief: Type.Object({
    reward_recent: Part,
    first_reward_recent: Part,
    uniform_first_reward_recent: Part,
    log_loss_recent: LogLoss,
  }),
} satisfies TaskSchemas

interface Rewards {
  readonly first_reward: number
  readonly first_reward_recent: number
}

interface Losses {
  readonly log_loss: number
  readonly log_loss_recent: number
}

/** The report of `openRewards`. */
export interface RewardReport extends Rewards, Losses {
  readonly events: number
  readonly reward: number
  readonly reward_recent: number
  readonly baselines: { readonly mean_reward: Losses; readonly uniform: Rewards }
}

export const rankingView: TaskView<{ readonly reward: number }> = {
  signals: [reward, shown],
  schemas: rankingSchemas,
  score: { name: 'foresight', meaning: foreseen },
  headline: {
    measure: {
      name: 'reward of the first',
      meaning: 'mean reward of the items in first place, from 0 = reward_min to 1 = reward_max',
      better: 'higher',
      values(report) {
        const { events, first_reward: all, first_reward_recent: recent } = rewardsIn(report)
        return events === 0 ? undefined : { recent, all }
      },
    },
    baseline: {
      name: 'any of the candidates',
      recent: (report) => (report as Partial<RewardReport>).baselines?.uniform.first_reward_recent,
    },
    figure: (reward) => reward.toFixed(3),
    phrase: (figure) => `reward of the first ${figure}`,
  },
  example: () => ({ item: 'a', reward: 1 }),
  answer: (answer) => answer,
  message: (answer) => ({ text: typeof answer.reward === 'number' ? String(answer.reward) : '' }),
  served: (answer) => ({ text: String(answer.reward), shown: { reward: answer.reward } }),
  facts: ({ members = 0, reward_min = 0, reward_max = 1 }) => ({ members, reward_min, reward_max }),
  stratum: () => ({}),
  brief(report) {
    const { reward_recent, first_reward_recent, log_loss_recent, baselines } = rewardsIn(report)
    const { first_reward_recent: uniform } = baselines.uniform
    return {
      ...{ reward_recent, first_reward_recent, log_loss_recent },
      uniform_first_reward_recent: uniform,
    }
  },
  gauges: [],
  measure(report, gauge) {
    const {
      reward: all,
      reward_recent,
      first_reward_recent,
      log_loss_recent,
      baselines,
    } = rewardsIn(report)
    gauge('reward', { of: 'all' }, all)
    gauge('reward', { of: 'recent' }, reward_recent)
    gauge('reward', { of: 'first_recent' }, first_reward_recent)
    gauge('reward', { of: 'uniform_recent' }, baselines.uniform.first_reward_recent)
    gauge('rewardLoss', { of: 'model' }, log_loss_recent)
    gauge('rewardLoss', { of: 'mean' }, baselines.mean_reward.log_loss_recent)
  },
}

function rewardsIn(report: object): RewardReport {
  return report as RewardReport
}
