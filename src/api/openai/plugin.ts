/** The OpenAI surface as a plug-in. Its schemas are loaded when it is opened. */
import type { SurfacePlugin } from '../surface.ts'

export const openai: SurfacePlugin = {
  summary: 'predictions for clients of the OpenAI API: chat and text completions, embeddings',
  settings: {},
  async open(_settings, services) {
    const { openOpenai } = await import('./surface.ts')
    return openOpenai(services)
  },
}
