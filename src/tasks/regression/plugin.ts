/** Regression in the table of plug-ins. */
import type { SettingsOf } from '../../contracts/core.ts'
import type { TaskPlugin } from '../../contracts/task.ts'
import { regressionHead } from './head.ts'
import { lossSettings } from './loss.ts'
import { openRegression } from './regression.ts'

export const regression = {
  ...regressionHead,
  summary: 'a number; learns values and corrections',
  settings: lossSettings,
  keys: [],
  open: (settings: SettingsOf<typeof lossSettings>) => openRegression(settings),
} satisfies TaskPlugin
