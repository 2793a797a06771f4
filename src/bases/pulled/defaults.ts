/** The defaults of a model on a pulled base if its config names no adapter. Any key in the config overrides them. */
import type { ModelDefaults } from '../../contracts/base.ts'

/** LoRA on the top three layers with weight decay, at rates that fall: chosen in policies/results-text-drift.md. */
export const minilmRecipe = {
  adapter: { method: 'lora', tail_layers: 3 },
  train: { weight_decay: 3 },
  rate: { policy: 'inverse-sqrt' },
} as const satisfies ModelDefaults

/** Half of the layers, at half the rate that four layers need: chosen for texts in policies/results-rules.md. */
export const smollm2Recipe = {
  adapter: { method: 'lora', tail_layers: 14 },
  train: { learning_rate: 0.001 },
  forClasses: { adapter: { method: 'lora', tail_layers: 4 } },
} as const satisfies ModelDefaults
