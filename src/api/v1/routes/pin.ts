/** Pinning a version keeps its bytes for as long as a person wants them; unpinning leaves it to `keep` again. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { PinAnswer, problems, VersionParams } from '../schemas.ts'

export function addPinRoutes(app: FastifyInstance, context: RouteContext): void {
  const path = '/v1/models/:model/versions/:version/pin'
  const schema = {
    tags: ['versions'],
    params: VersionParams,
    response: { 200: PinAnswer, ...problems },
  }
  app.put<{ Params: VersionParams }>(
    path,
    { schema: { ...schema, summary: 'keep the bytes of a version, whatever keep says' } },
    async ({ params: { model, version } }) => {
      const { registry } = context.modelNamed(model)
      await registry.pin(version)
      return { version, pinned: true, pins: await registry.pins() }
    },
  )
  app.delete<{ Params: VersionParams }>(
    path,
    { schema: { ...schema, summary: 'leave a version to keep again' } },
    async ({ params: { model, version } }) => {
      const { registry } = context.modelNamed(model)
      await registry.find(version)
      await registry.unpin(version)
      return { version, pinned: false, pins: await registry.pins() }
    },
  )
}
