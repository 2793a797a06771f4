/** A daemon under construction: its shared parts, and the parts of each model. */
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

/** Everything shared while the daemon is put together, and how to close it. */
export interface DaemonContext {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Writes to the stores on this machine. */
  readonly disk: Disk
  /** Absent for a single daemon. */
  readonly sharing?: Sharing | undefined
  atEnd(close: () => Promise<void> | void): void
}

/** The parts of a model that every daemon has, whatever its role. */
export interface KnownModel {
  readonly name: string
  readonly base: Base
  readonly registry: LocalRegistry
  readonly deadLetters: DeadLetters
  /** The parts that could not be opened. */
  readonly faults: FaultLog<FaultyPart>
}

/** With the served predictions stored on this machine. */
export interface OpenModel extends KnownModel {
  readonly inbox: Inbox
  readonly predictions: PredictionStore
  /** In a fleet: forwards its feedback to the trainer. */
  readonly forwarder?: Forwarder | undefined
}

export interface ServedModels {
  readonly models: readonly (KnownModel & Partial<OpenModel>)[]
  readonly served: readonly ServedModel[]
}
