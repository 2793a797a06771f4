/** Multilabel in the table of plug-ins. Its labels are a key of the model. */
import type { TaskPlugin } from '../../contracts/task.ts'
import type { LabelRules } from '../labels/label-rules.ts'
import { multilabelHead } from './head.ts'
import { openMultilabel } from './multilabel.ts'

export const multilabel = {
  ...multilabelHead,
  summary: 'any number of labels with scores; learns lists of labels, corrections and ratings',
  settings: {},
  keys: ['labels'],
  // The schema of the key has the shape of the rules.
  open: (_settings, { labels }) => openMultilabel(labels as LabelRules),
} satisfies TaskPlugin
