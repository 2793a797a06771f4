/**
 * One HTTP API over the services of the daemon. Each is added to a scope of its own: its prefix, body types, schemas and
 * error format are seen by no other.
 */
import type { FastifyInstance } from 'fastify'
import type { CodedError, Json, Plugin } from '../contracts/core.ts'
import type { Services } from '../serving/services/services.ts'

export interface Surface {
  /** The prefix of its routes, such as `/v1`; '' = the root, where the server answers for unknown routes. */
  readonly prefix: string
  readonly errors: ErrorFormat
  /** In /openapi.json; absent = it is not described there. */
  readonly description?: SurfaceDescription
  /** Adds its routes, relative to the prefix, and the body types that it reads besides application/json. */
  addTo(scope: FastifyInstance): void | Promise<void>
}

/** Errors as the clients of an API know them. */
export interface ErrorFormat {
  readonly contentType: string
  /** `instance`: this occurrence, as the path and the request's id in the log. */
  render(error: CodedError, instance: string): { readonly status: number; readonly body: Json }
}

/** A surface in the table of plug-ins. Its code is loaded when it is opened. */
export type SurfacePlugin = Plugin<Promise<Surface>, [services: Services]>

export interface SurfaceDescription {
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  /** Adds what schemas cannot say, such as examples. `paths` as OpenAPI has them. */
  complete(paths: Readonly<Record<string, unknown>>): void
}
