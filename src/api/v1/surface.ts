/** `/v1`: our own API. It translates between requests and services, and has no logic that another surface would need. */
import type { Services } from '../../serving/services/services.ts'
import { readJson, readJsonLines } from '../http/bodies.ts'
import { problemFormat } from '../http/problem.ts'
import type { Surface } from '../surface.ts'
import { CLOUD_EVENT_TYPES, NDJSON_TYPES } from './body-types.ts'
import { addExamples } from './examples.ts'
import { addRoutes } from './routes/all.ts'

export function openV1(services: Services): Surface {
  const { limits, models } = services
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
      },
    },
    addTo: (scope) => {
      readJson(scope, CLOUD_EVENT_TYPES, limits)
      readJsonLines(scope, NDJSON_TYPES, limits)
      addRoutes(scope, services)
    },
  }
}
