/** Puts the trainers of one process together: an engine once, a base once, turns shared by all models. */
import { join } from 'node:path'
import { folderOf } from '../config/model-parts.ts'
import { forwardKeys, joinAsTrainer } from './fleet.ts'
import { openModelLoop } from './loop.ts'
import { openModelMerger } from './merger.ts'
import { shardsOf } from '../config/shards.ts'
import { trainingEngines } from '../optim/engines/training-engine.ts'
import type { TrainerContext } from './context.ts'
import { kernelMemory } from '../nn/js/wasm/memory.ts'
import { openTrunkEngines } from '../nn/onnx/trunk-engine.ts'
import { Closers } from '../platform/closers.ts'
import { systemClock } from '../platform/clock.ts'
import { applyChanges, changesBetween } from '../config/reload.ts'
import { secretsOf } from '../config/secrets.ts'
import type { Config } from '../config/config.ts'
import { openLog, setLogLevel } from '../platform/log.ts'
import type { HostedModel, Hosting } from '../trainer/process/host.ts'
import { noteCopiedPosition } from '../fleet/keys.ts'
import { localCheckpoint } from '../checkpoint/local-checkpoint.ts'
import type { TrainerProgram } from '../trainer/process/process.ts'

export interface TrainerConfig {
  readonly config: Config
  readonly models: readonly string[]
  /** The name of this daemon in the fleet. */
  readonly replica: string
}

/** The program of a trainer process: what `process.ts` looks for. */
export const openTrainerLoops: TrainerProgram['openTrainerLoops'] = async (given, hosting) => {
  // Made by `trainerPlans` in the server from a config that was checked there.
  const trainer = given as unknown as TrainerConfig
  const { config, models } = trainer
  const secrets = secretsOf(config)
  const root = openLog({ ...config.log, format: 'json', secrets })
  const log = root.child({ process: 'trainer' })
  const closers = new Closers(log)
  const atEnd: TrainerContext['atEnd'] = (step) => {
    closers.add(step)
  }
  try {
    const context = await openContext(trainer, hosting, { log, atEnd })
    return {
      log,
      reload: (next) => {
        const changes = changesBetween(config, (next as unknown as TrainerConfig).config)
        // The others need another process.
        applyChanges(
          config,
          changes.allowed.filter(({ where }) => where !== 'trainer'),
        )
        setLogLevel(root, config.log.level)
      },
      models: models.map((name) => hosted(context, name)),
      close: async () => closers.close(),
    }
  } catch (error) {
    return await closers.closeAfter(error)
  }
}

async function openContext(
  { config, models, replica }: TrainerConfig,
  hosting: Hosting,
  parts: Pick<TrainerContext, 'log' | 'atEnd'>,
): Promise<TrainerContext> {
  const { log } = parts
  const clock = systemClock
  kernelMemory.limit(config.limits.kernel_memory_bytes)
  const fleet = await joinAsTrainer(config, { ...parts, clock, replica, models })
  const trunks = openTrunkEngines((err, { name: base }) => {
    log.error({ err, base }, 'the trunk thread died; another takes its place')
  })
  parts.atEnd(async () => trunks.close())
  return {
    ...hosting,
    ...parts,
    config,
    clock,
    engineOf: trainingEngines(config.trainer.threads, log),
    fleet,
    trunk: trunks.open,
  }
}

function hosted(context: TrainerContext, name: string): HostedModel {
  const folder = folderOf(context.config, name)
  const model: HostedModel = {
    name,
    lockPath: join(folder, 'trainer.lock'),
    open: async (leaseTerm) =>
      shardsOf(context.config, name).length > 0
        ? openModelMerger(context, name, leaseTerm)
        : openModelLoop(context, name, leaseTerm),
  }
  const { fleet } = context
  if (fleet === undefined) return model
  return {
    ...model,
    fleet: {
      leases: fleet.leases,
      copies: fleet.copies,
      local: localCheckpoint(join(folder, 'state.db')),
      copyMs: 1000 * context.config.fleet.copy_seconds,
      onCopied: async (positions) => {
        await noteCopiedPosition(fleet.sharing.redis, forwardKeys(fleet.sharing, name), positions)
      },
      giveBack: async (lease, signal) => fleet.leases.giveBack(lease, signal),
    },
  }
}
