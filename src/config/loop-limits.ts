/** What the loop of a model learns within, as its config sets it: its bounds, and its defence. */
import type { PromotionNeeds } from '../contracts/release.ts'
import type { Config, ModelConfig } from './config.ts'

/** `needs`: what the promotion policies need to decide. */
export function loopLimits(
  config: Config,
  settings: ModelConfig,
  needs: PromotionNeeds | undefined,
) {
  const { limits } = config
  return {
    records: 512,
    unsaved: { records: 8192, ms: 250, restMs: 50 },
    idleMs: 200,
    waitingJoins: limits.waiting_joins,
    waitingEvents: limits.waiting_joins,
    waitingMs: 1000 * limits.waiting_join_seconds,
    waitingBytes: limits.waiting_join_bytes,
    latentBytes: limits.latent_bytes,
    snapshotBytes: snapshotBytes(config, settings),
    quarantine: { events: limits.quarantine, bytes: limits.quarantine_bytes },
    setAside: { events: limits.set_aside, bytes: limits.set_aside_bytes },
    eventLog: { events: limits.event_log, bytes: eventLogBytes(config) },
    ahead: aheadOf(limits.retractions_ahead),
    seenEvents: limits.seen_events,
    heldOut: {
      share: heldOutShare(settings, needs),
      rows: settings.evaluation.held_out.capacity,
      bytes: limits.held_out_bytes,
    },
    served: { versions: limits.scored_versions, answers: limits.judged_answers },
    quality: {
      rows: limits.quality_labels,
      sources: limits.quality_sources,
      slices: limits.quality_slices,
      sliceExamples: settings.evaluation.slices.examples,
    },
  }
}

export function defenceOf({ defence }: ModelConfig, { defended_sources }: Config['limits']) {
  if (!defence.enabled) return undefined
  return {
    maxShare: defence.max_share,
    fromSources: defence.from_sources,
    trusted: defence.trusted,
    unreviewedDaily: defence.unreviewed_daily,
    maxWeight: defence.max_weight,
    maxUpdate: defence.max_update,
    quarantines: defence.quarantine,
    sources: defended_sources,
  }
}

/** In a fleet the whole checkpoint is copied: half of the allowed copy size is reserved for the rest of it. */
function snapshotBytes({ redis, fleet }: Config, { keep }: ModelConfig): number {
  return redis === undefined ? keep.bytes : Math.min(keep.bytes, fleet.copy_bytes / 2)
}

/** In a fleet a copy of the checkpoint has to fit, and is made often. */
function eventLogBytes({ redis, fleet, limits }: Config): number {
  const { event_log_bytes: bytes } = limits
  return redis === undefined ? bytes : Math.min(bytes, fleet.copy_bytes / 8)
}

/** The share of held-out rows if a policy needs them and the config sets none. */
const USUAL_SHARE = 0.1

function heldOutShare({ evaluation }: ModelConfig, needs: PromotionNeeds = {}): number {
  const { share } = evaluation.held_out
  return share === 0 && needs.heldOut === true ? USUAL_SHARE : share
}

/** Ten sources may be as busy; a retraction still unmatched after this many events was a mistake. */
function aheadOf(perSource: number) {
  return { perSource, all: 10 * perSource, events: 100_000 }
}
