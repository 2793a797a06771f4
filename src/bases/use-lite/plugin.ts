/** The base `use-lite` as a plug-in. */
import type { BasePlugin } from '../../contracts/base.ts'

export const useLite = {
  summary: 'Universal Sentence Encoder Lite, which comes with the packages',
  settings: {},
  open: async () => (await import('./use-lite.ts')).openUseLite(),
} satisfies BasePlugin
