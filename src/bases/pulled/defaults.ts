/** The defaults of a model on a pulled base if its config names no adapter. Any key in the config overrides them. */
import type { ModelDefaults } from '../../contracts/base.ts'

/**
 * A head in closed form, in which what was learned first counts as much as what came last. Without a ridge it chooses one from the
 * sums: labels can be few, and some of them wrong (policies/results-text-defaults.md).
 */
const ranpac = (features: number, ridge?: number) => ({
  method: 'ranpac',
  features,
  depth: 3,
  projection: 'orthogonal',
  balance: 0.5,
  ...(ridge !== undefined && { ridge }),
})

/** For labels that appear one after another. */
const openLabels = (adapter: ModelDefaults['adapter']) => ({
  adapter,
  trigger: { policy: 'count', every: 256 },
})

/**
 * LoRA with weight decay: on the top three layers at rates that fall. For labels on the top four, where averaged weights
 * answer, and an answer that was corrected is right at once because memory repeats it: chosen in policies/results-text-drift.md.
 */
export const minilmRecipe = {
  adapter: { method: 'lora', tail_layers: 3 },
  train: { weight_decay: 3 },
  rate: { policy: 'inverse-sqrt' },
  forClasses: {
    adapter: { method: 'lora', tail_layers: 4 },
    train: { weight_decay: 3, average: 0.9 },
    rate: { policy: 'drift-reset' },
    memory: {
      ...{ policy: 'knn', keep: 'mistakes', every: 16 },
      ...{ compare: 'cut', threshold: 0.94, sharpness: 60 },
    },
  },
  forOpenClasses: openLabels({ method: 'anacp', features: 2048, depth: 3 }),
  // The column of a rare label learns seldom, and would decay in between; what it has learned is lost in the noise of high rates and
  // of newest weights. A smaller store would be learned by heart in a long stream. Chosen in policies/results-labels.md.
  forIndependent: {
    train: { weight_decay: 0.3, average: 0.98 },
    rate: { policy: 'inverse-sqrt', floor: 0.15 },
    replay: { policy: 'reservoir', capacity: 10_000 },
  },
  // What a token is needs more of the network than what a text is about, and decay takes back what so rare tags have learned. High rates
  // that fall far learn soon and end quietly. Chosen in policies/results-spans.md.
  forPositions: {
    adapter: { method: 'lora', tail_layers: 'all' },
    train: { learning_rate: 0.004 },
    rate: { policy: 'inverse-sqrt', floor: 0.15 },
  },
} as const satisfies ModelDefaults

/** Its frozen embedding is ahead of what steps make of MiniLM's: chosen in policies/results-text-defaults.md. */
export const e5Recipe = {
  ...minilmRecipe,
  forClasses: { adapter: ranpac(1024) },
  forOpenClasses: openLabels(ranpac(2048)),
} as const satisfies ModelDefaults

/**
 * The embedding of a picture as it is: on development pictures a closed form is ahead of every other method in one pass, and ridges from
 * 30 to 1000 are as good. Chosen by the bench `pictures`.
 */
export const picturesRecipe = {
  adapter: { method: 'lora', tail_layers: 2 },
  forClasses: { adapter: { ...ranpac(2048, 100), depth: 1 } },
  forOpenClasses: openLabels({ ...ranpac(2048, 100), depth: 1 }),
} as const satisfies ModelDefaults

/** Where nothing above the embedding can be trained. */
export const frozenPicturesRecipe = {
  ...picturesRecipe,
  adapter: { method: 'head' },
} as const satisfies ModelDefaults

/** Half of the layers, at half the rate that four layers need: chosen for texts in policies/results-rules.md. */
export const smollm2Recipe = {
  adapter: { method: 'lora', tail_layers: 14 },
  train: { learning_rate: 0.001 },
  forClasses: { adapter: { method: 'lora', tail_layers: 4 } },
} as const satisfies ModelDefaults
