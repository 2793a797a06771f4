/** The base `causal` as a plug-in: a decoder in a folder or a file of the user's. */
import type { Settings, SettingsOf } from '../../contracts/core.ts'
import type { BasePlugin } from '../../contracts/base.ts'

const settings = {
  path: {
    type: 'path',
    required: true,
    description: 'folder in Hugging Face layout, or a GGUF file',
  },
} as const satisfies Settings

export const causal = {
  summary: 'a decoder of the Llama family (Llama, SmolLM2, TinyLlama, Qwen2, Qwen3), or Gemma 3',
  settings,
  inline: 'path',
  open: async ({ path }: SettingsOf<typeof settings>) =>
    (await import('./causal.ts')).openCausal(path),
  shape: async ({ path }: SettingsOf<typeof settings>) =>
    (await import('./causal.ts')).shapeOfCausal(path),
} satisfies BasePlugin
