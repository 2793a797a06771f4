/** The base `bert` as a plug-in: an encoder in a folder of the user's. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'
import type { BasePlugin } from '../../contracts/base.ts'

const settings = {
  folder: { type: 'path', required: true, description: 'folder in Hugging Face layout' },
} as const satisfies Settings

export const bert = {
  summary:
    'an encoder of the BERT, RoBERTa, XLM-R or ModernBERT family, from a folder in Hugging Face layout',
  settings,
  inline: 'folder',
  open: async ({ folder }: SettingsOf<typeof settings>) =>
    (await import('./bert.ts')).openBert(folder),
  shape: async ({ folder }: SettingsOf<typeof settings>) =>
    (await import('./bert.ts')).shapeOfBert(folder),
} satisfies BasePlugin
