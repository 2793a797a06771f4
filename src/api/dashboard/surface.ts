/**
 * The page at `/`. It is a client of `/v1` in a browser: the server's part is the document, and a stream of samples so that
 * the page is live without asking again and again.
 */
import type { Services } from '../../serving/services/services.ts'
import { problemFormat } from '../http/problem.ts'
import type { Surface } from '../surface.ts'
import { addEarlierRoute } from './earlier.ts'
import { addEventsRoute } from './events.ts'
import { addPageRoute } from './page-route.ts'
import { addPartsRoute } from './parts.ts'

export function openDashboard(services: Services): Surface {
  return {
    prefix: '',
    errors: problemFormat,
    addTo: (scope) => {
      addPageRoute(scope)
      addEventsRoute(scope, services)
      addPartsRoute(scope, services)
      addEarlierRoute(scope, services)
    },
  }
}
