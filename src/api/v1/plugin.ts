/** `/v1` as a plug-in. Fastify and the schemas are loaded when it is opened. */
import type { SurfacePlugin } from '../surface.ts'

export const v1: SurfacePlugin = {
  summary: 'our own API: predict, feedback, versions, rollback, and how the models are doing',
  settings: {},
  async open(_settings, services) {
    const { openV1 } = await import('./surface.ts')
    return openV1(services)
  },
}
