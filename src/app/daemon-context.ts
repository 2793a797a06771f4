/** A daemon while it is put together: what its parts share, and what it has of each model. */
import type { Sharing } from './fleet.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { Base } from '../contracts/network.ts'
import type { Disk } from '../intake/disk/disk.ts'
import type { DeadLetters } from '../intake/dead-letters/dead-letters.ts'
import type { Forwarder } from '../intake/inbox/forwarder.ts'
import type { Inbox } from '../intake/inbox/inbox.ts'
import type { PredictionStore } from '../intake/predictions/predictions.ts'
import type { LocalRegistry } from '../versions/local/local.ts'
import type { Config } from '../config/config.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { FaultLog } from '../platform/store/fault-log.ts'
import type { FaultyPart, ServedModel } from '../serving/services/served-model.ts'

/** Everything that is shared while the daemon is put together, and how to take it apart. */
export interface DaemonContext {
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
  readonly faults: FaultLog<FaultyPart>
}

/** With what is kept of its questions and answers on this machine. */
export interface OpenModel extends KnownModel {
  readonly inbox: Inbox
  readonly predictions: PredictionStore
  /** In a fleet: what brings its feedback to the trainer. */
  readonly forwarder?: Forwarder | undefined
}

export interface ServedModels {
  readonly models: readonly (KnownModel & Partial<OpenModel>)[]
  readonly served: readonly ServedModel[]
}
