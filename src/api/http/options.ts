/** The options of the HTTP server. */
import type { Clock, Logger } from '../../contracts/core.ts'
import type { Limits } from '../../platform/limits.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Services } from '../../serving/services/services.ts'
import type { Rate } from '../../platform/access/rate-limiter.ts'
import type { AuditLog } from '../../platform/audit/audit-log.ts'
import type { Surface } from '../surface.ts'
import type { SpanExporter } from '../../platform/tracing/exporter.ts'
import type { AuthSettings } from './auth.ts'
import type { CorsOptions } from './origins.ts'

export interface ServerOptions {
  readonly surfaces: readonly Surface[]
  /** For the probes, and for how large a body may be. */
  readonly services: Pick<Services, 'readiness' | 'models' | 'limits'>
  readonly limits: HttpLimits
  /** Hosts that requests may name besides loopback, read at each request; absent = all. */
  readonly hosts?: () => readonly string[] | undefined
  /** Absent = no page of another origin may read an answer. */
  readonly cors?: CorsOptions | undefined
  /** Who may use the API; undefined = it is open to all. Read at each request. */
  readonly auth: () => AuthSettings | undefined
  /** The rate of each key that has none of its own; absent = no limit. */
  readonly keyRate?: () => Rate | undefined
  /** Absent = actions of operators are not recorded. */
  readonly audit?: AuditLog
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  /** Where the spans of requests go; absent = requests are not traced. */
  readonly spans?: SpanExporter | undefined
  /** The description of the channels of events; absent = there is none. */
  readonly asyncApi?: Readonly<Record<string, unknown>>
  /** The version of the daemon, for the description. */
  readonly version: string
}

export type HttpLimits = Pick<
  Limits,
  | 'body_bytes'
  | 'json_depth'
  | 'connections'
  | 'probe_connections'
  | 'request_ms'
  | 'shutdown_ms'
  | 'rate_limited_names'
>

export interface HttpContext extends ServerOptions {
  isDraining(): boolean
}
