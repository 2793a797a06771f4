/** The page as a plug-in. Its code is loaded when it is opened. */
import type { SurfacePlugin } from '../surface.ts'

export const dashboard: SurfacePlugin = {
  summary:
    'a page to watch the models on: accuracy as it changes, versions, rollback, a box to try it',
  settings: {},
  async open(_settings, services) {
    const { openDashboard } = await import('./surface.ts')
    return openDashboard(services)
  },
}
