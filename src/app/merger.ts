/** Puts the merger of a model with shards together: its registry and theirs, and how their sums become a head. */
import { modelOf, openBaseOf } from '../config/model-parts.ts'
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { shardsOf } from '../config/shards.ts'
import type { Lease } from '../fleet/contract.ts'
import { Closers } from '../platform/closers.ts'
import type { Loop } from '../trainer/loop.ts'
import type { LeaseTerm } from '../trainer/parts.ts'
import { openMerger } from '../trainer/shards/merger.ts'
import { reportsOf, type TrainerContext } from './context.ts'
import { learning, planOf } from './learning.ts'
import { openSharedRegistry } from './model.ts'

/** The registries say what changes: this is for what they miss. */
const IDLE_MS = 1000

export async function openModelMerger(
  context: TrainerContext,
  model: string,
  leaseTerm?: LeaseTerm,
): Promise<Loop> {
  const { config, clock, log, fleet, trainingMutex } = context
  const closers = new Closers(log.child({ model }))
  const close = async () => closers.close()
  try {
    const settings = modelOf(config, model)
    const base = await openBaseOf(settings, pluginsOf(config))
    const plan = planOf(config, model, base)
    const engine = await context.engineOf({ plan, hasMemory: false })
    const { task, adapter } = learning({ ...context, ...engine }, model, base, plan)
    const sharing = fleet?.sharing
    // It writes to those of the shards as a person does: their leases are not its own.
    const open = async (name: string, lease?: () => Lease) => {
      const parts = { clock, log, lease, sharing, follows: true }
      const registry = await openSharedRegistry(config, name, base, parts)
      closers.add(async () => registry.close())
      return registry
    }
    const registry = await open(model, leaseTerm && (() => leaseTerm.lease))
    const shards = []
    for (const name of shardsOf(config, model))
      shards.push({ model: name, registry: await open(name) })
    return openMerger({
      ...{ model, clock, log, task, adapter, base, registry, shards, trainingMutex, leaseTerm },
      ...{ keep: settings.keep, idleMs: IDLE_MS, close },
      reports: reportsOf(context, model),
    })
  } catch (error) {
    return await closers.closeAfter(error)
  }
}
