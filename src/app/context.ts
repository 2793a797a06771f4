/**
 * Shared by the parts of a process while it is put together: of a daemon with the parts of each model, or of a trainer
 * process.
 */
import type { SharedState, TrainerFleet } from './fleet.ts'
import type { EngineOf } from '../optim/engines/training-engine.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { Base, TrunkEngine } from '../contracts/base.ts'
import type { Hosting } from '../trainer/process/host.ts'
import type { Disk } from '../intake/disk/disk.ts'
import type { DeadLetters } from '../intake/dead-letters/dead-letters.ts'
import type { Forwarder } from '../intake/inbox/forwarder.ts'
import type { Inbox } from '../intake/inbox/inbox.ts'
import type { PredictionStore } from '../intake/predictions/predictions.ts'
import type { LocalRegistry } from '../versions/local/local.ts'
import type { Routing } from '../versions/contract.ts'
import type { Config } from '../config/config.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { SpanExporter } from '../platform/tracing/exporter.ts'
import type { FaultLog } from '../platform/store/fault-log.ts'
import type { SourceLimit } from '../serving/services/feedback/source-limit.ts'
import type { FaultyPart, ServedModel } from '../serving/services/served-model.ts'

/** Everything shared while the daemon is put together, and how to close it. */
export interface DaemonContext {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Writes to the stores on this machine. */
  readonly disk: Disk
  /** The rate limit of events over HTTP. */
  readonly sourceLimit: SourceLimit
  /** Absent = nothing is traced. */
  readonly spans?: SpanExporter | undefined
  /** Absent for a single daemon. */
  readonly sharing?: SharedState | undefined
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

/** A model with the served predictions that are stored on this machine. */
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

/** Shared by the models of one trainer process while their loops are put together. */
/** What a model's loop reports, by its name. */
export function reportsOf({ onStatus, onPointer, onComing }: Hosting, model: string) {
  return {
    onStatus,
    onPointer: (pointer: Routing) => onPointer(model, pointer),
    onComing: (version: string) => onComing(model, version),
  }
}

export interface TrainerContext extends Hosting {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly engineOf: EngineOf
  /** Absent for a single daemon. */
  readonly fleet?: TrainerFleet | undefined
  /** One thread for all models that cut a base at the same place. */
  trunk(base: Base, cut: number): Promise<TrunkEngine>
  /** Runs at the end, last first. */
  atEnd(close: () => Promise<void> | void): void
}
