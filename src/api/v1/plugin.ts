/** `/v1` as a plug-in. Fastify and the schemas are loaded when it is opened. */
import type { Services } from '../../serving/services/services.ts'
import type { Surface } from '../surface.ts'

export const v1 = {
  summary: 'our own API: predict, feedback, versions, rollback, and how the models are doing',
  settings: {},
  async open(_settings: Readonly<Record<string, never>>, services: Services): Promise<Surface> {
    const { openV1 } = await import('./surface.ts')
    return openV1(services)
  },
}
