/** Generation in the table of plug-ins. */
import type { TaskPlugin } from '../../contracts/task.ts'
import { openGeneration } from './generation.ts'
import { generationHead } from './head.ts'
import { generationSettings, type GenerationSettings } from './settings.ts'

/** Twice the usual rate, in smaller steps. What 48 completions teach by it of a rule of form: policies/results-rules.md. */
const generationTrain = { learning_rate: 0.002, batch: 8, replay_batch: 8 }

export const generation = {
  ...generationHead,
  summary: 'a text; learns completions, pairs, corrections and ratings',
  settings: generationSettings,
  keys: [],
  train: generationTrain,
  open: (settings: GenerationSettings) => openGeneration(settings),
} satisfies TaskPlugin
