/** The routes of the daemon as its own description names them: `get /livez`. */
import { openServed } from '../api/open-served.ts'

export async function describedRoutes(): Promise<readonly string[]> {
  const { app } = await openServed()
  const { paths } = (await app.inject('/openapi.json')).json<{
    paths: Readonly<Record<string, object>>
  }>()
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  )
}
