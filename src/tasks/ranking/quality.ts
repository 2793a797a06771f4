/**
 * Quality of a ranking: what shown items have earned, how well it was foreseen, and what a uniform choice would have earned.
 *
 *   uniform = mean of  reward · (1 / candidates) / propensity      over first places (inverse propensity scoring)
 *
 * Only of first places, where the propensity is that of the item itself. Horvitz & Thompson (1952).
 */
import type { TaskQuality } from '../../contracts/task.ts'
import { meansOf, type MeanState, noMean, observed } from '../../evaluation/running-scores.ts'
import type { RankingTarget } from './choices.ts'

type State = Readonly<{
  /** Of all rewards, in the unit from 0 to 1. */
  rewards: MeanState
  /** The same of first places. */
  first: MeanState
  uniform: MeanState
  accuracy: MeanState
  loss: MeanState
  /** The loss of always answering the mean so far. */
  byMean: MeanState
}>

const empty: State = {
  ...{ rewards: noMean, first: noMean, uniform: noMean },
  ...{ accuracy: noMean, loss: noMean, byMean: noMean },
}

export function openRewards(): TaskQuality<RankingTarget> {
  let state = empty
  const count = (target: RankingTarget) => {
    const { reward, place, propensity, of } = target
    state = { ...state, rewards: observed(state.rewards, reward) }
    if (place !== 0) return
    state = {
      ...state,
      first: observed(state.first, reward),
      uniform: observed(state.uniform, reward / (of * propensity)),
    }
  }
  return {
    leaveOut: count,
    observe({ error, loss }, target) {
      const { rewards, accuracy, byMean } = state
      const [mean] = meansOf(rewards)
      // With one of each outcome beside those that came, so that no mean is certain.
      const expected = (mean * rewards[0] + 1) / (rewards[0] + 2)
      const { reward: y } = target
      count(target)
      state = {
        ...state,
        accuracy: observed(accuracy, 1 - error),
        loss: observed(state.loss, loss),
        byMean: observed(byMean, -y * Math.log(expected) - (1 - y) * Math.log(1 - expected)),
      }
    },
    report() {
      const { rewards, first, uniform, accuracy, loss, byMean } = state
      const of = (mean: MeanState, name: string) => {
        const [all, recent] = meansOf(mean)
        return { [name]: all, [`${name}_recent`]: recent }
      }
      return {
        events: loss[0],
        ...of(accuracy, 'accuracy'),
        ...{ ...of(rewards, 'reward'), ...of(first, 'first_reward'), ...of(loss, 'log_loss') },
        baselines: { mean_reward: of(byMean, 'log_loss'), uniform: of(uniform, 'first_reward') },
      }
    },
    snapshot: () => ({ ...state }),
    restore(saved) {
      state = { ...empty, ...(saved as Partial<State>) }
    },
  }
}
