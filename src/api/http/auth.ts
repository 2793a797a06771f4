/**
 * Who sends a request: a key of the config with its roles, one of the plain tokens with all of them, or anyone when the
 * config has neither.
 *
 * A key is found by its hash, and the hash by an HMAC under a secret of this process: how long the search takes then
 * says nothing about any key, known or guessed.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { failure, invariant } from '../../platform/errors.ts'
import {
  digestOf,
  opens,
  roles,
  type KeyEntry,
  type Role,
  type RouteRole,
} from '../../platform/access/keys.ts'
import type { Rate } from '../../platform/access/rate-limiter.ts'

export interface Caller {
  /** In logs, in the audit log and in the history; never the key itself. */
  readonly name: string
  readonly roles: readonly Role[]
  /** Event sources that its feedback may name; absent = all. */
  readonly sources?: readonly string[] | undefined
  /** Its own limit, instead of that of all keys. */
  readonly rate?: Rate | undefined
}

export interface AuthSettings {
  readonly tokens: readonly string[]
  readonly keys?: readonly (KeyEntry & { readonly rate?: Rate | undefined })[]
}

/** Without auth. */
const anonymous: Caller = { name: 'anonymous', roles }

/** Who moved something, for the history; undefined without auth. */
export function actorOf(caller: Caller | undefined): string | undefined {
  return caller === anonymous ? undefined : caller?.name
}

/** Returns who sends a request by its Authorization header. Throws `AUTH_REQUIRED`. */
export function callerFinder(
  auth: () => AuthSettings | undefined,
): (authorization: string | undefined) => Caller {
  const secret = randomBytes(32)
  const blinded = (digest: string) => createHmac('sha256', secret).update(digest).digest('hex')
  const tableOf = ({ tokens, keys = [] }: AuthSettings) =>
    new Map<string, Caller>([
      ...tokens.map((token, at): [string, Caller] => [
        blinded(digestOf(token)),
        { name: `token-${at + 1}`, roles },
      ]),
      ...keys.map(({ sha256, ...caller }): [string, Caller] => [
        blinded(sha256.toLowerCase()),
        caller,
      ]),
    ])
  let settings = auth()
  let callers = settings && tableOf(settings)
  return (authorization) => {
    if (auth() !== settings) {
      settings = auth()
      callers = settings && tableOf(settings)
    }
    if (callers === undefined) return anonymous
    const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (given === undefined) throw failure('AUTH_REQUIRED', 'the request has no bearer token')
    const caller = callers.get(blinded(digestOf(given)))
    if (caller === undefined) throw failure('AUTH_REQUIRED', 'the bearer token is unknown')
    return caller
  }
}

/** Throws `ROLE_MISSING`. */
export function checkRole(caller: Caller, needs: RouteRole): void {
  if (opens(caller.roles, needs)) return
  const { name, roles: has } = caller
  const asked = [needs].flat().join(' or ')
  throw failure('ROLE_MISSING', `this needs the role ${asked}; ${name} has ${has.join(', ')}`, {
    details: { key: name, needs: asked, roles: [...has] },
  })
}

/** Every route says which role it needs, for the check before it and for /openapi.json. */
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
