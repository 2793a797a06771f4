/**
 * The defaults of a model on MiniLM if its config names no adapter: LoRA on the top three layers with weight decay, at
 * rates that fall to half of the usual ones. Chosen on development data and measured in policies/results-text-drift.md; any key in the
 * config overrides it.
 */
import type { ModelDefaults } from '../../contracts/base.ts'

export const minilmRecipe = {
  adapter: { method: 'lora', tail_layers: 3 },
  train: { weight_decay: 3 },
  rate: { policy: 'inverse-sqrt' },
} as const satisfies ModelDefaults
