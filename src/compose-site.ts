/** A daemon while it is put together: what its parts share, and what it has of each model. */
import type { Faults } from './compose-broken.ts'
import type { Sharing } from './compose-fleet.ts'
import type { Base, Clock, Logger } from './contracts.ts'
import type { Disk } from './intake/disk/disk.ts'
import type { DeadLetters } from './intake/dead-letters.ts'
import type { Forwarder } from './intake/forwarder.ts'
import type { Inbox } from './intake/inbox.ts'
import type { PredictionStore } from './intake/predictions.ts'
import type { LocalRegistry } from './registry/local.ts'
import type { Config } from './runtime/config.ts'
import type { Metrics } from './runtime/metrics.ts'
import type { ServedModel } from './serving/served-model.ts'

/** Everything that is shared while the daemon is put together, and how to take it apart. */
export interface Site {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Writes what is kept on this machine. */
  readonly disk: Disk
  /** Absent for a daemon that is by itself. */
  readonly sharing?: Sharing | undefined
  atEnd(close: () => Promise<void> | void): void
}

/** What every daemon has of a model, whatever its role. */
export interface KnownModel {
  readonly name: string
  readonly base: Base
  readonly registry: LocalRegistry
  readonly deadLetters: DeadLetters
  /** What of it could not be opened. */
  readonly faults: Faults
}

/** With what is kept of its questions and answers on this machine. */
export interface OpenModel extends KnownModel {
  readonly inbox: Inbox
  readonly predictions: PredictionStore
  /** In a fleet: what brings its feedback to the trainer. */
  readonly forwarder?: Forwarder | undefined
}

export interface Side {
  readonly models: readonly (KnownModel & Partial<OpenModel>)[]
  readonly served: readonly ServedModel[]
}
