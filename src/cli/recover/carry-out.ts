/**
 * Carries out the plan. If interrupted at any point it can run again: a file that was moved aside is then missing, and
 * is replaced.
 */
import { pluginsOf } from '../../config/plugins/own-plugins.ts'
import { mkdirSync, renameSync, existsSync, copyFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { modelOf, openTask, rememberedBy } from '../../config/model-parts.ts'
import { inboxFile } from '../../intake/inbox/schema.ts'
import { parseEvent } from '../../intake/events/validate.ts'
import { Ledger } from '../../versions/local/ledger.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Config } from '../../config/config.ts'
import type { Store } from '../../platform/store/store.ts'
import { leaveRecovery, setPositions } from '../../checkpoint/recovery.ts'
import { type Examination, withStore } from './examine.ts'
import { journalOf, salvage } from './inbox.ts'
import type { Plan } from './plan.ts'
import { setAside } from './stores.ts'

export interface RecoveryResult {
  /** The present path of each file. */
  readonly moved: Readonly<Record<string, string>>
  /** For a damaged inbox. */
  readonly salvaged?: { readonly events: number; readonly predictions: number }
}

export async function carryOut(
  plan: Plan,
  found: Examination,
  config: Config,
  stamp: string,
): Promise<RecoveryResult> {
  const { folder } = found
  const moved: Record<string, string> = {}
  for (const { file } of plan.aside) moved[file] = moveAway(join(folder, file), stamp)
  const salvaged = plan.inbox && (await newInbox(plan.inbox.from, moved[inboxFile], found, config))
  if (plan.pointer !== undefined) point(plan.pointer, plan, found, config)
  if (plan.recovery?.from === 'weights') keepCopy(join(folder, 'state.db'), stamp, moved)
  if (plan.recovery !== undefined || plan.journal !== undefined || plan.snapshots.length > 0)
    withStore(join(folder, 'state.db'), (store) => writeCheckpoint(store, plan, folder))
  return { moved, ...(salvaged && { salvaged }) }
}

/** A version's folder moves into a folder beside it, because each name in `versions/` is a version. */
function moveAway(path: string, stamp: string): string {
  if (basename(dirname(path)) !== 'versions') return setAside(path, stamp)
  const to = join(`${dirname(path)}.unusable-${stamp}`, basename(path))
  mkdirSync(dirname(to), { recursive: true })
  renameSync(path, to)
  return to
}

function keepCopy(path: string, stamp: string, moved: Record<string, string>): void {
  const copy = `${path}.unusable-${stamp}`
  for (const suffix of ['', '-wal'])
    if (existsSync(path + suffix)) copyFileSync(path + suffix, copy + suffix)
  moved['state.db (a copy)'] = copy
}

async function newInbox(
  next: number,
  from: string | undefined,
  found: Examination,
  config: Config,
) {
  const { limits } = config
  const bounds = { retentionMs: DAY_MS, clock: systemClock }
  return salvage({
    from,
    to: join(found.folder, inboxFile),
    next,
    parse: (bytes) =>
      parseEvent(bytes, limits, {
        source: 'http',
        reads: found.base.reads,
        signals: openTask(modelOf(config, found.model), limits, pluginsOf(config)).view.signals,
      }),
    inbox: { ...bounds, unreadEvents: limits.inbox_events, seenEvents: limits.seen_events },
    predictions: { ...bounds, count: limits.predictions, retentionMs: 30 * DAY_MS },
  })
}

const DAY_MS = 24 * 60 * 60 * 1000

function point(
  { version, digest, after }: NonNullable<Plan['pointer']>,
  plan: Plan,
  found: Examination,
  config: Config,
) {
  const ledger = new Ledger(join(found.folder, 'registry.db'), systemClock, rememberedBy(config))
  const previous = ledger.live()?.live.version ?? null
  const reason = plan.recovery?.reason ?? 'recovered: the live version was no longer known'
  const move = {
    live: { version, digest },
    generation: after + 1,
    sinceMs: systemClock.nowMs(),
    previous,
    reason,
  }
  ledger.adopt([{ ...move, by: 'start' }])
  ledger.close()
}

/** In one transaction: the trainer finds either everything or the previous state. */
function writeCheckpoint(store: Store, plan: Plan, folder: string): void {
  const { recovery, journal } = plan
  const present = journal && journalOf(join(folder, inboxFile))
  store.transaction(() => {
    for (const version of plan.snapshots)
      store.run('DELETE FROM snapshots WHERE version = ?', version)
    if (recovery !== undefined) {
      const { positions, ...left } = recovery
      for (const [source, next] of Object.entries(positions)) setPositions(store, source, next)
      leaveRecovery(store, left)
    }
    if (journal === undefined || present === undefined) return
    const next = journal.next === 'begin' ? present.begin : journal.next
    setPositions(store, 'http', { '0': String(next) }, present.identity)
  })
}
