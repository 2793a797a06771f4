/** What the models of one trainer process share while their loops are put together. */
import type { TrainerFleet } from './fleet.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { Base, TrunkEngine } from '../contracts/network.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import type { Config } from '../config/config.ts'
import type { BaseTensors } from '../optim/base-tensors.ts'
import type { Hosting } from '../trainer/process/host.ts'

export interface TrainerContext extends Hosting {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly tf: TensorFlow
  readonly engine: string
  /** Absent for a single daemon. */
  readonly fleet?: TrainerFleet | undefined
  baseTensors(base: Base): BaseTensors
  /** One thread for all models that cut a base at the same place. */
  trunk(base: Base, cut: number): Promise<TrunkEngine>
  /** Runs at the end, last first. */
  atEnd(close: () => Promise<void> | void): void
}
