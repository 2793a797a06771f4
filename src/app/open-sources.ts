/** The sources of a model outside a trainer, for a command that inspects them without reading. */
import { openChosen } from '../config/chosen.ts'
import type { Config } from '../config/config.ts'
import { pluginsOf } from '../config/own-plugins.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import { closeAll } from '../platform/closers.ts'
import { feedbackStream } from '../fleet/keys.ts'
import { connect } from './fleet.ts'
import { modelOf } from './parts.ts'
import { sourceNeeds } from './sources.ts'

interface Parts {
  readonly clock: Clock
  readonly log: Logger
}

/** Not opened. `close` closes what they share. */
export async function openSources(config: Config, model: string, parts: Parts) {
  const redis = await connect(config, parts)
  const needs = {
    ...sourceNeeds({ config, ...parts }, model),
    ...(redis && {
      redis: async () => Promise.resolve({ redis }),
      feedback: { stream: feedbackStream(redis, model) },
    }),
  }
  const { sources: table } = pluginsOf(config)
  const chosen = modelOf(config, model).sources
  const sources = await Promise.all(chosen.map(async (choice) => openChosen(table, choice, needs)))
  const close = async () => closeAll([...sources, ...(redis ? [redis] : [])], parts.log)
  return { sources, close }
}
