/** Classification in the table of plug-ins. Its labels are a key of the model. */
import type { SettingsOf } from '../../contracts/core.ts'
import type { TaskPlugin } from '../../contracts/task.ts'
import { answerSettings } from './answering.ts'
import { openClassification } from './classification.ts'
import { classificationHead } from './head.ts'
import type { LabelRules } from '../labels/label-rules.ts'

export const classification = {
  ...classificationHead,
  summary: 'a label with scores; learns labels, corrections and ratings',
  settings: answerSettings,
  keys: ['labels'],
  // The schema of the key has the shape of the rules.
  open: (settings: SettingsOf<typeof answerSettings>, { labels }) =>
    openClassification(labels as LabelRules, settings),
} satisfies TaskPlugin
