/** Spans in the table of plug-ins. Their labels are a key of the model. */
import type { TaskPlugin } from '../../contracts/task.ts'
import type { LabelRules } from '../labels/label-rules.ts'
import { spansHead } from './head.ts'
import { openSpans } from './spans.ts'

export const spans = {
  ...spansHead,
  summary: 'labelled pieces of a text; learns all spans of a text, single corrections and ratings',
  settings: {},
  keys: ['labels'],
  // The schema of the key has the shape of the rules.
  open: (_settings, { labels }) => openSpans(labels as LabelRules),
} satisfies TaskPlugin
