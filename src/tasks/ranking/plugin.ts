/** Ranking in the table of plug-ins. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'
import type { Exploration } from '../../contracts/choice.ts'
import type { TaskPlugin } from '../../contracts/task.ts'
import { rankingHead } from './head.ts'
import { openRanking } from './ranking.ts'

const settings = {
  reward_min: {
    ...{ type: 'number', minimum: -1e15, maximum: 1e15, default: 0 },
    description: 'the least that an item can earn',
  },
  reward_max: {
    ...{ type: 'number', minimum: -1e15, maximum: 1e15, default: 1 },
    description: 'the most that an item can earn',
  },
  reward_window: {
    ...{ type: 'duration', minimum: 1, maximum: 30 * 86_400_000, default: '0' },
    description:
      'time after an answer in which its items may be rewarded, by the times of the events; an item without a reward has then earned nothing; 0 = for ever, and an item without a reward teaches nothing',
  },
} as const satisfies Settings

export const ranking = {
  ...rankingHead,
  summary: 'an order of candidates; learns what the shown ones earn',
  settings,
  keys: [],
  exploration: 'softmax',
  writesEventsFor: ({ reward_window: windowMs }: SettingsOf<typeof settings>) =>
    windowMs > 0 ? 'reward_window' : undefined,
  open: (chosen: SettingsOf<typeof settings>, { exploration }) =>
    openRanking(chosen, exploration as Exploration),
} satisfies TaskPlugin
