/**
 * Restores a model with damaged, missing or inconsistent files: from the checkpoint as far as it is intact, otherwise
 * from the newest intact version. Needs a stopped daemon. Unusable files are moved aside, never deleted; losses are
 * reported. The trainer finishes the recovery at its next start.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { folderOf, modelOf } from '../../config/model-parts.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Config } from '../../config/config.ts'
import { acquireLock } from '../../platform/store/lock.ts'
import type { ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'
import { readConfig, modelNamed } from '../read-config.ts'
import { carryOut, type RecoveryResult } from '../recover/carry-out.ts'
import { examineModel, type Examination } from '../recover/examine.ts'
import { planOf, type Plan } from '../recover/plan.ts'

export interface RecoverFlags extends ConfigFlags {
  readonly dryRun?: boolean
  readonly json?: boolean
}

export async function recover(name: string | undefined, flags: RecoverFlags): Promise<void> {
  const config = readConfig(flags)
  const model = modelNamed(config, name)
  const folder = folderOf(config, model)
  if (!existsSync(folder)) {
    const text = `${model} has no data in ${config.data_dir} yet: there is nothing to recover`
    print(flags.json, { model, needed: false, folder }, () => [text])
    return
  }
  await locked(config, folder, async () => {
    const found = await examineModel(config, model)
    const plan = planOf(found, needsOf(config, model))
    const stamp = new Date(systemClock.nowMs()).toISOString().replace(/[-:]|\.\d+/g, '')
    const isDone = flags.dryRun !== true && plan.isNeeded
    const done = isDone ? await carryOut(plan, found, config, stamp) : undefined
    tell(flags, found, plan, done)
  })
}

function needsOf(config: Config, model: string) {
  const isFleet = config.redis !== undefined
  const hasHttp = modelOf(config, model).sources.some((source) => 'http' in source)
  return { isFleet, readsInbox: hasHttp && !isFleet }
}

const LOCK_WAIT_MS = 1000

/** Neither a daemon nor an orphaned trainer may have the files open. */
async function locked(config: Config, folder: string, work: () => Promise<void>): Promise<void> {
  const paths = [
    join(config.data_dir, 'daemon.lock'),
    join(config.data_dir, 'trainers.lock'),
    join(folder, 'trainer.lock'),
  ]
  const locks = []
  try {
    for (const path of paths)
      locks.push(await acquireLock(path, { clock: systemClock, waitMs: LOCK_WAIT_MS }))
    await work()
  } finally {
    for (const lock of locks.reverse()) lock.release()
  }
}

function tell(
  flags: RecoverFlags,
  found: Examination,
  plan: Plan,
  done: RecoveryResult | undefined,
): void {
  const { model, registry, inbox, letters, checkpoint } = found
  const stores = {
    'state.db': checkpoint.kind,
    'inbox.db': inbox.kind,
    'registry.db': registry.kind,
    'dead-letters.db': letters.kind,
  }
  const aside = plan.aside.map((each) => {
    const to = done?.moved[each.file]
    return { ...each, ...(to !== undefined && { to }) }
  })
  const from = plan.recovery && { from: plan.recovery.from, version: plan.recovery.version }
  const live = plan.pointer?.version
  const { kept, lost, isNeeded: needed } = plan
  const answer = {
    ...{ model, needed, done: done !== undefined, stores, aside, kept, lost },
    ...(from && { goes_on: from }),
    ...(live !== undefined && { live }),
    ...(done?.salvaged && { salvaged: done.salvaged }),
  }
  print(flags.json, answer, () => lines(answer, flags.dryRun === true))
}

interface Answer {
  readonly model: string
  readonly needed: boolean
  readonly aside: readonly { readonly file: string; readonly why: string; readonly to?: string }[]
  readonly kept: readonly string[]
  readonly lost: readonly string[]
  readonly live?: string
  readonly salvaged?: { readonly events: number; readonly predictions: number }
}

function lines(answer: Answer, isDry: boolean): readonly string[] {
  const { model, needed, aside, kept, lost, live, salvaged } = answer
  if (!needed) return [`${model} is intact: there is nothing to recover`]
  const saved =
    salvaged &&
    `inbox.db: ${salvaged.events} events and ${salvaged.predictions} predictions were read`
  return [
    isDry ? `${model} can be recovered; nothing was changed:` : `${model} is recovered:`,
    ...aside.map(
      ({ file, why, to }) =>
        `  aside  ${file}${to === undefined ? '' : ` → ${to}`}\n         ${why}`,
    ),
    ...[...kept, ...(saved === undefined ? [] : [saved])].map((text) => `  kept   ${text}`),
    ...lost.map((text) => `  lost   ${text}`),
    ...(live === undefined ? [] : [`  live   ${live}`]),
    isDry
      ? 'run it again without --dry-run'
      : 'start the daemon: its trainer finishes the recovery',
  ]
}
