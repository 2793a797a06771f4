/**
 * Working example requests for /docs: with the first model of this daemon, an input that its base reads and feedback that
 * its task learns from.
 */
import type { Json } from '../../contracts/core.ts'
import type { ModelServices } from '../../serving/services/model-services.ts'

/** `POST path` → body. Other routes take an empty body. */
function bodies({ example }: Pick<ModelServices, 'example'>): Readonly<Record<string, Json>> {
  const { input, says } = example ?? { input: 'what a lovely phone', says: {} }
  const of = (route: string) => `/v1/models/{model}/${route}`
  return {
    [of('predict')]: { inputs: [input] },
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

interface Operation {
  readonly parameters?: readonly { readonly in: string; readonly name: string; example?: Json }[]
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, { example?: Json } | undefined>>
  }
}

/** Puts the examples into a description. */
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
