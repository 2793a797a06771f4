/** `/v1`: our own API. It translates between requests and services, and has no logic that another surface would need. */
import type { Services } from '../../serving/services/services.ts'
import { readJson, readJsonLines } from '../http/bodies.ts'
import { readForms } from './form-body.ts'
import { problemFormat } from '../http/problem.ts'
import type { Surface } from '../surface.ts'
import type { Json } from '../../contracts/core.ts'
import type { ChoiceInput } from '../../payloads/inputs/choice.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'
import { CLOUD_EVENT_TYPES, NDJSON_TYPES } from './feedback-body.ts'
import { addDeadLetterRoutes } from './routes/dead-letters.ts'
import { addEvaluateRoute } from './routes/evaluate.ts'
import { addFeedbackRoutes } from './routes/feedback.ts'
import { addForgetRoutes } from './routes/forget.ts'
import { addModelRoutes } from './routes/models.ts'
import { addMoveRoutes } from './routes/moves.ts'
import { addOperationRoutes } from './routes/operations.ts'
import { addPredictRoute } from './routes/predict.ts'
import { addPracticeRoute } from './routes/practice.ts'
import { addRankRoute } from './routes/rank.ts'
import { addQuarantineRoutes, addSetAsideRoutes } from './routes/set-aside.ts'
import { addVersionRoutes } from './routes/versions.ts'
import { inputValue } from './task-schemas.ts'
import { invariant } from '../../platform/errors.ts'

/** Every route of v1, in the order of its description. */
const routes = [
  addPredictRoute,
  addRankRoute,
  addPracticeRoute,
  addFeedbackRoutes,
  addEvaluateRoute,
  addModelRoutes,
  addVersionRoutes,
  addMoveRoutes,
  addSetAsideRoutes,
  addQuarantineRoutes,
  addForgetRoutes,
  addDeadLetterRoutes,
  addOperationRoutes,
]

export function openV1(services: Services): Surface {
  const { models } = services
  return {
    prefix: '/v1',
    errors: problemFormat,
    description: {
      tags: [
        { name: 'predictions', description: 'predictions and feedback' },
        { name: 'models', description: 'models, versions and quality' },
        { name: 'versions', description: 'which version answers' },
      ],
      complete: (paths) => {
        const [first] = models
        if (first !== undefined) addExamples(paths, first)
        describeInputs(paths, services)
      },
    },
    addTo: (scope) => {
      readJson(scope, CLOUD_EVENT_TYPES, services)
      readJsonLines(scope, NDJSON_TYPES, services)
      readForms(scope, services)
      for (const add of routes) add(scope, services)
    },
  }
}

/** `POST path` → body. Other routes take an empty body. */
function bodies({ example }: Pick<ModelServices, 'example'>): Readonly<Record<string, Json>> {
  const { input, says } = example ?? { input: 'what a lovely phone', says: {} }
  const of = (route: string) => `/v1/models/{model}/${route}`
  return {
    [of('predict')]: { inputs: [input] },
    [of('rank')]: ranking(input),
    [of('practice')]: { input },
    [of('feedback')]: { input, ...says },
    [of('evaluate')]: { rows: [{ input, ...says }] },
    [of('rollback')]: { reason: 'bad batch of feedback' },
    [of('promote')]: { version: 'v0', reason: 'it answers better' },
    [of('canary')]: { version: 'v1', share: 0.1, reason: 'try it on a tenth of the users' },
    [of('canary/end')]: { reason: 'enough seen' },
    [of('shadow')]: { version: 'v1', reason: 'compare it first' },
    [of('shadow/end')]: { reason: 'enough seen' },
    [of('forget')]: { source: 'person-17', reason: 'asked to be forgotten' },
    [of('dead-letters/resend')]: { code: 'FEATURES_INVALID' },
    [of('dead-letters/drop')]: { code: 'EVENT_MALFORMED' },
  }
}

/** An input with one item, as `rank` takes it. */
function ranking(input: Json): Json {
  const { context = {}, item = {} } = (input as Partial<ChoiceInput>).choice ?? {}
  return { context, candidates: [{ id: 'a', input: item }] }
}

interface DescribedContent {
  example?: Json
  readonly schema?: { readonly properties?: { readonly inputs?: { items?: object } } }
}

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; example?: Json }[]
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, DescribedContent | undefined>>
  }
}

/** What stands in `inputs` of a prediction, which the route itself takes as it comes. */
function describeInputs(paths: Readonly<Record<string, unknown>>, services: Services): void {
  const operations = paths['/v1/models/{model}/predict'] as Readonly<Record<string, Operation>>
  const inputs =
    operations.post?.requestBody?.content?.['application/json']?.schema?.properties?.inputs
  invariant(inputs !== undefined, 'a prediction is described with its inputs')
  inputs.items = inputValue(services)
}

/**
 * Puts working example requests into a description, for /docs: with the first model of this daemon, an input that its base
 * reads and feedback that its task learns from.
 */
export function addExamples(
  paths: Readonly<Record<string, unknown>>,
  model: Pick<ModelServices, 'name' | 'example'>,
): void {
  const places: Readonly<Record<string, Json>> = {
    model: model.name,
    version: 'v0',
    other: 'v1',
    id: '1',
  }
  const known = bodies(model)
  for (const [path, operations] of Object.entries(paths))
    for (const operation of Object.values(operations as Readonly<Record<string, Operation>>)) {
      for (const parameter of operation.parameters ?? []) {
        const value = places[parameter.name]
        if (parameter.in === 'path' && value !== undefined) parameter.example = value
      }
      const json = operation.requestBody?.content?.['application/json']
      if (json !== undefined) json.example = known[path] ?? {}
    }
}
