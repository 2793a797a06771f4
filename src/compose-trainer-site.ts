/** What the models of one trainer process share while their loops are put together. */
import type { TrainerFleet } from './compose-fleet.ts'
import type { Base, Clock, Logger, TrunkEngine } from './contracts.ts'
import type { TensorFlow } from './nn/tensorflow.ts'
import type { Config } from './runtime/config.ts'
import type { BaseTensors } from './trainer/base-tensors.ts'
import type { Hosting } from './trainer/host.ts'

export interface TrainerSite extends Hosting {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly tf: TensorFlow
  readonly engine: string
  /** Absent for a daemon that is by itself. */
  readonly fleet?: TrainerFleet | undefined
  baseTensors(base: Base): BaseTensors
  /** One thread for all models that cut a base at the same place. */
  trunk(base: Base, cut: number): Promise<TrunkEngine>
  /** Runs at the end, last first. */
  atEnd(close: () => Promise<void> | void): void
}
