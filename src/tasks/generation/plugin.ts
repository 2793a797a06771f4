/** Generation in the table of plug-ins. */
import type { TaskPlugin } from '../../contracts/task.ts'
import { openGeneration } from './generation.ts'
import { generationHead } from './head.ts'
import { generationSettings, type GenerationSettings } from './settings.ts'

export const generation = {
  ...generationHead,
  summary: 'a text; learns completions, pairs, corrections and ratings',
  settings: generationSettings,
  keys: [],
  open: (settings: GenerationSettings) => openGeneration(settings),
} satisfies TaskPlugin
