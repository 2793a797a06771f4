/**
 * A model's data on this machine: its versions, its dead letters, and, if the daemon serves it, its inbox and
 * predictions.
 */
import { pluginsOf } from '../config/plugins/own-plugins.ts'
import { join } from 'node:path'
import { folderOf, lettersLimits, modelOf, openBaseOf } from '../config/model-parts.ts'
import { deadLettersFile } from '../intake/dead-letters/dead-letters.ts'
import { openDiskInbox, openDiskLetters, openDiskPredictions } from '../intake/disk/clients.ts'
import {
  brokenInbox,
  guardedInbox,
  probedInbox,
  brokenDeadLetters,
  guardedDeadLetters,
  probedDeadLetters,
  predictionsNotKept,
} from '../intake/damaged-stores.ts'
import { inboxFile } from '../intake/inbox/schema.ts'
import { servedEverywhere } from '../intake/predictions/fleet-predictions.ts'
import { FaultLog } from '../platform/store/fault-log.ts'
import type { FaultyPart } from '../serving/services/served-model.ts'
import { brokenRegistry } from '../versions/broken.ts'
import type { DaemonContext, KnownModel, OpenModel } from './context.ts'
import { openSharedRegistry } from './model.ts'
import { predictionSink, sendLetters, shareModel } from './streams.ts'

export async function knowModel(site: DaemonContext, name: string): Promise<KnownModel> {
  const { config, clock, log, metrics, sharing } = site
  const base = await openBaseOf(modelOf(config, name), pluginsOf(config))
  const faults = new FaultLog<FaultyPart>(log.child({ model: name }))
  const onRepaired = (what: 'pointer' | 'version') => {
    metrics.count('registryRepairs', { model: name, what })
  }
  const parts = { clock, log, sharing, onRepaired }
  const openVersions = () => openSharedRegistry(config, name, base, parts)
  const registry = await faults.try('model', openVersions, brokenRegistry)
  const letters = join(folderOf(config, name), deadLettersFile)
  const openLetters = async () =>
    probedDeadLetters(await openDiskLetters(site.disk, letters, lettersLimits(config)))
  const deadLetters = guardedDeadLetters(
    await faults.try('dead_letters', openLetters, brokenDeadLetters),
    faults.asking('dead_letters'),
  )
  site.atEnd(async () => registry.close())
  site.atEnd(async () => deadLetters.close())
  if (faults.of('dead_letters') === undefined) await sendLetters(site, name, deadLetters)
  return { name, base, registry, deadLetters, faults }
}

export async function openModel(site: DaemonContext, name: string): Promise<OpenModel> {
  const known = await knowModel(site, name)
  const { config, clock, log } = site
  const inboxPath = join(folderOf(config, name), inboxFile)
  const { limits } = config
  const openOwn = async () =>
    probedInbox(
      await openDiskInbox(site.disk, inboxPath, {
        unreadEvents: limits.inbox_events,
        bytes: limits.inbox_bytes,
        seenEvents: limits.seen_events,
        retentionMs: dayMs,
      }),
    )
  const onDropped = (count: number) => {
    site.metrics.count('predictionsDropped', { model: name }, count)
  }
  const { faults } = known
  const inbox = guardedInbox(
    await faults.try('inbox', openOwn, brokenInbox),
    faults.asking('inbox'),
  )
  const isWhole = faults.of('inbox') === undefined
  const predictions = isWhole
    ? await openDiskPredictions(site.disk, inboxPath, {
        count: limits.predictions,
        bytes: limits.prediction_bytes,
        retentionMs: 30 * dayMs,
        clock,
        log,
        onDropped,
      })
    : predictionsNotKept(onDropped)
  site.atEnd(async () => inbox.close())
  site.atEnd(async () => predictions.close())
  const shared = isWhole ? shareModel(site, name, inboxPath) : undefined
  const others = [shared?.predictions, await predictionSink(site, name)].filter(
    (each) => each !== undefined,
  )
  const everywhere = servedEverywhere(predictions, others)
  return { ...known, inbox, predictions: everywhere, forwarder: shared?.forwarder }
}

const dayMs = 24 * 60 * 60 * 1000
