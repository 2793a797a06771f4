/** Versions of a model: with their lineage, scores and why each was promoted or held back, compared, pinned, and when each was live. */
import type { FastifyInstance } from 'fastify'
import { HistoryAnswer, HistoryQuery, PinBody } from '../../../client/schemas/moves.ts'
import { PageQuery } from '../../../client/schemas/parts.ts'
import { ComparisonAnswer, PinAnswer, PinsAnswer } from '../../../client/schemas/versions.ts'
import { eventLoop } from '../../../platform/slices.ts'
import type { Services } from '../../../serving/services/services.ts'
import { describePast } from '../describe-model.ts'
import { describeVersion } from '../describe-version.ts'
import { limitOf, nextOf, numberIn } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'
import { versionAnswer, versionsAnswer } from '../task-schemas.ts'

const reading = { tag: 'versions', role: 'read' } as const

export function addVersionRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'GET', '/models/:model/versions', {
    ...reading,
    summary: 'versions of a model, newest first',
    description: 'in pages: `next`, if there is more, is the `before` of the next page',
    query: PageQuery,
    answer: versionsAnswer(services),
    async handle({ params, query }) {
      const model = services.model(params.model)
      const { versions, task } = model
      const list = versions.list({ limit: limitOf(query), before: query.before })
      const [page, live, pins] = await Promise.all([list, versions.live(), versions.pins()])
      const { served } = model.status().trainer
      const undone = await Promise.all(
        page.items.map(async ({ manifest }) => versions.undoneBy(manifest)),
      )
      const shown = await eventLoop.each([...page.items.entries()], ([at, entry]) =>
        describeVersion(entry, task, { live, pins, served, undoneBy: undone[at] }),
      )
      return { versions: shown, ...nextOf(page) }
    },
  })
  addRoute(app, 'GET', '/models/:model/versions/:version', {
    ...reading,
    summary: 'one version of a model',
    answer: versionAnswer(services),
    async handle({ params }) {
      const model = services.model(params.model)
      const { versions, task } = model
      const find = versions.find(params.version)
      const [found, live, pins] = await Promise.all([find, versions.live(), versions.pins()])
      const undoneBy = await versions.undoneBy(found.manifest)
      const { served } = model.status().trainer
      return describeVersion(found, task, { live, pins, served, undoneBy })
    },
  })
  addRoute(app, 'GET', '/models/:model/versions/:version/compare/:other', {
    ...reading,
    summary: 'what another version has that this one lacks',
    answer: ComparisonAnswer,
    handle: async ({ params: { model, version, other } }) =>
      services.model(model).versions.compare(version, other),
  })
  addPinRoutes(app, services)
  addRoute(app, 'GET', '/models/:model/history', {
    ...reading,
    summary: 'moves of the live pointer, newest first',
    description:
      'in pages; the last 10,000 are kept. Each has the hash of itself and of the move before',
    query: HistoryQuery,
    answer: HistoryAnswer,
    async handle({ params, query }) {
      const { versions } = services.model(params.model)
      const wanted = { limit: limitOf(query), before: numberIn(query) }
      const { version } = query
      const page = await (version === undefined
        ? versions.history(wanted)
        : versions.historyOf(version, wanted))
      return { moves: page.items.map((move) => describePast(move)), ...nextOf(page) }
    },
  })
}

/** Pinning a version keeps its bytes until it is unpinned; unpinning leaves it to `keep` again. */
function addPinRoutes(app: FastifyInstance, services: Services): void {
  const versionsOf = (model: string) => services.model(model).versions
  const path = '/models/:model/versions/:version/pin'
  const moving = { tag: 'versions', role: 'operate', body: PinBody, answer: PinAnswer } as const
  addRoute(app, 'GET', '/models/:model/pins', {
    ...reading,
    summary: 'versions that keep their bytes, regardless of keep',
    answer: PinsAnswer,
    handle: async ({ params }) => ({ pins: await versionsOf(params.model).pins() }),
  })
  addRoute(app, 'PUT', path, {
    ...moving,
    summary: 'keep the bytes of a version, regardless of keep',
    async handle({ params: { model, version } }) {
      const versions = versionsOf(model)
      await versions.pin(version)
      return { version, pinned: true, pins: await versions.pins() }
    },
  })
  addRoute(app, 'DELETE', path, {
    ...moving,
    summary: 'let keep decide about a version again',
    async handle({ params: { model, version } }) {
      const versions = versionsOf(model)
      await versions.find(version)
      await versions.unpin(version)
      return { version, pinned: false, pins: await versions.pins() }
    },
  })
}
