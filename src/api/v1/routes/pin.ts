/** Pinning a version keeps its bytes until it is unpinned; unpinning leaves it to `keep` again. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { PinBody } from '../schemas/moves.ts'
import { ModelParams, VersionParams } from '../schemas/params.ts'
import { PinAnswer, PinsAnswer } from '../schemas/versions.ts'

export function addPinRoutes(app: FastifyInstance, services: Services): void {
  app.get<{ Params: ModelParams }>(
    '/models/:model/pins',
    {
      schema: {
        summary: 'versions that keep their bytes, regardless of keep',
        tags: ['versions'],
        params: ModelParams,
        response: { 200: PinsAnswer, ...problems },
      },
      config: { role: 'read' },
    },
    async ({ params }) => ({ pins: await services.model(params.model).versions.pins() }),
  )
  const path = '/models/:model/versions/:version/pin'
  const schema = {
    tags: ['versions'],
    params: VersionParams,
    body: PinBody,
    response: { 200: PinAnswer, ...problems },
  }
  app.put<{ Params: VersionParams }>(
    path,
    {
      schema: { ...schema, summary: 'keep the bytes of a version, regardless of keep' },
      config: { role: 'operate' },
    },
    async ({ params: { model, version } }) => {
      const { versions } = services.model(model)
      await versions.pin(version)
      return { version, pinned: true, pins: await versions.pins() }
    },
  )
  app.delete<{ Params: VersionParams }>(
    path,
    {
      schema: { ...schema, summary: 'let keep decide about a version again' },
      config: { role: 'operate' },
    },
    async ({ params: { model, version } }) => {
      const { versions } = services.model(model)
      await versions.find(version)
      await versions.unpin(version)
      return { version, pinned: false, pins: await versions.pins() }
    },
  )
}
