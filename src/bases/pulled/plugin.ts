/** Bases that `antikythera models pull` has fetched, as plug-ins: `minilm`, `smollm2`, and any by its owner and name. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'
import type { BasePlugin, ModelDefaults } from '../../contracts/base.ts'
import { e5Recipe, minilmRecipe, picturesRecipe, smollm2Recipe } from './defaults.ts'

export const minilm = {
  summary:
    'all-MiniLM-L6-v2: better and slower than use-lite, after `antikythera models pull minilm`; if no adapter is chosen, for labels LoRA on four layers, averaged weights and a memory of mistakes, or AnaCP where labels are open; for other answers LoRA on three layers, and on all of them for pieces of a text',
  settings: {},
  defaults: () => minilmRecipe,
  open: async () => openNamed('minilm'),
  shape: async () => shapeOfNamed('minilm'),
} satisfies BasePlugin

export const e5Small = {
  summary:
    'multilingual-e5-small: a hundred languages, twelve layers, after `antikythera models pull e5-small`; if no adapter is chosen, RanPAC where answers are labels, otherwise LoRA, as minilm',
  settings: {},
  defaults: () => e5Recipe,
  open: async () => openNamed('e5-small'),
  shape: async () => shapeOfNamed('e5-small'),
} satisfies BasePlugin

export const wordllama = {
  summary:
    'one vector a token and their mean: thousands of texts a second, after `antikythera models pull static`; if no adapter is chosen, RanPAC where answers are labels, otherwise a head',
  settings: {},
  // It has no layer that an adapter could change.
  defaults: (): ModelDefaults => ({
    adapter: { method: 'head' },
    forClasses: { adapter: { method: 'ranpac' } },
  }),
  open: async () => openNamed('static'),
} satisfies BasePlugin

export const efficientNetLite0 = {
  summary:
    'EfficientNet-Lite0: pictures, after `antikythera models pull efficientnet-lite0`; if no adapter is chosen, RanPAC where answers are labels, otherwise LoRA on two layers',
  settings: {},
  defaults: () => picturesRecipe,
  open: async () => openNamed('efficientnet-lite0'),
} satisfies BasePlugin

export const smollm2 = {
  summary: 'SmolLM2-135M-Instruct, a small language model, after `antikythera models pull smollm2`',
  settings: {},
  defaults: () => smollm2Recipe,
  open: async () => openNamed('smollm2'),
  shape: async () => shapeOfNamed('smollm2'),
} satisfies BasePlugin

const settings = {
  name: {
    type: 'text',
    required: true,
    pattern: '^[A-Za-z0-9][\\w.-]*/[A-Za-z0-9][\\w.-]*$',
    description: 'owner/name, downloaded with `antikythera models pull owner/name`',
  },
} as const satisfies Settings

export const pulled = {
  summary: 'an encoder or decoder of Hugging Face, after `antikythera models pull owner/name`',
  settings,
  inline: 'name',
  open: async ({ name }: SettingsOf<typeof settings>) => openNamed(name),
  shape: async ({ name }: SettingsOf<typeof settings>) => shapeOfNamed(name),
} satisfies BasePlugin

async function openNamed(name: string) {
  return (await import('./pulled.ts')).openPulled(name)
}

async function shapeOfNamed(name: string) {
  const { pulledFolder, shapeOfFolder } = await import('./pulled.ts')
  return { ...(await shapeOfFolder(pulledFolder(name))), name }
}
