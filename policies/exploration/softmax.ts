/**
 * Better items more often, by how much better they are.
 *
 *   P(i) = exp(score_i / T) / Σ_j exp(score_j / T)
 *
 * Taken place by place this is the order of Plackett (1975) and Luce (1959). Scores are expected rewards from 0 to 1: at T = 0.02 an item that is
 * .02 better comes e times as often. The default: of many candidates it tries those that are nearly as good, where `epsilon-greedy` tries
 * any. Where the best items earn less than .02, divide T by as much, or it tries all of them equally.
 *
 *     task: ranking
 *     exploration: { policy: softmax, temperature: 0.02 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Exploration } from '../../src/contracts/choice.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import { number } from '../settings.ts'

const settings = {
  temperature: number([0.001, 10], 0.02, 'how much better an item is that comes e times as often'),
} as const

export const softmax: PolicyKind<Exploration, SettingsOf<typeof settings>> = {
  summary: 'better items more often, by how much better they are',
  settings,
  open: ({ temperature }) => ({
    next(remaining) {
      const most = remaining.reduce((highest, { score }) => Math.max(highest, score), -Infinity)
      const odds = Float64Array.from(remaining, ({ score }) =>
        Math.exp((score - most) / temperature),
      )
      const sum = odds.reduce((total, each) => total + each, 0)
      return odds.map((each) => each / sum)
    },
  }),
}
