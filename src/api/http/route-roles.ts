/** Every route says which role it needs, for the check before it and for /openapi.json. */
import type { FastifyInstance, RouteOptions } from 'fastify'
import type { RouteRole } from '../../platform/access/keys.ts'
import { invariant } from '../../platform/errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The role that a caller needs; a probe needs none. */
    readonly role?: RouteRole
  }
}

/** Call it before the routes are added: one without a role is refused. */
export function requireRoles(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (isOpen(route.url, route.config)) return
    const role = route.config?.role
    invariant(role, `the route ${String(route.method)} ${route.url} says no role`)
    if (route.schema === undefined || role === 'any') return
    // OpenAPI 3.1: each entry is an alternative, and for a bearer names the role it needs. The empty one: no auth.
    const bearers = [role].flat().map((each) => ({ bearer: [each] }))
    route.schema = { ...route.schema, security: [...bearers, {}] }
  })
}

/** Probes, and pages that contain nothing about the models. */
export function isOpen(url: string | undefined, config: RouteOptions['config']): boolean {
  if (config?.probe === true || config?.open === true) return true
  return url === '/docs' || (url?.startsWith('/docs/') ?? false)
}
