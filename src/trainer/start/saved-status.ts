/**
 * The status in a model's checkpoint, until its trainer has reported: counts, head and scores instead of zeros. Reads
 * a few rows, never weights or examples.
 */
import { existsSync } from 'node:fs'
import type { Positions } from '../../contracts/source.ts'
import type { TrainerStatus } from '../contract.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import { pendingOrders } from '../../checkpoint/event-log/table.ts'
import { fact } from '../../checkpoint/tables/states.ts'
import type { LearnerState } from '../../learner/learner-types.ts'
import type { Progress } from '../../checkpoint/saved.ts'
import { scoresOf } from '../../evaluation/running-scores.ts'
import type { Head } from '../../contracts/example.ts'

/** Undefined if there is none or it is unreadable: the trainer reports the reason. */
export function savedStatus(path: string, blank: TrainerStatus): TrainerStatus | undefined {
  if (!existsSync(path)) return undefined
  try {
    const store = openStore(path, { migrations: checkpointMigrations })
    try {
      return read(store, blank)
    } finally {
      store.close()
    }
  } catch {
    return undefined
  }
}

function read(store: Store, blank: TrainerStatus): TrainerStatus | undefined {
  const progress = fact(store, 'progress') as unknown as Progress | undefined
  const state = presentState(store)
  if (progress === undefined || state === undefined) return undefined
  const { accepted, duplicates, learned, rejected, steps, dropped, generation, spanFrom } = progress
  const { unanswered, ...scored } = state
  return {
    ...blank,
    ...scored,
    pending: pendingOrders(store).length,
    counts: {
      ...{ accepted, duplicates, learned, rejected },
      waiting: heldIn(store, 'waiting'),
      set_aside: heldIn(store, 'set_aside'),
      ...(unanswered !== undefined && { unanswered }),
    },
    steps,
    droppedSteps: dropped,
    feedback: { read: positionsOf(store, 'http'), settled: spanFrom.http ?? {}, generation },
  }
}

function presentState(store: Store) {
  const row = store.get(
    `SELECT mind, head FROM states JOIN weights ON weights.id = weights WHERE states.id = ?`,
    Number(fact(store, 'now')),
  )
  if (row === undefined) return undefined
  const { scoreboard } = JSON.parse(row.text('mind')) as LearnerState
  const head = JSON.parse(row.text('head')) as Head
  return { head, prequential: scoresOf(scoreboard), unanswered: scoreboard.unanswered }
}

function heldIn(store: Store, state: 'waiting' | 'set_aside'): number {
  return (
    store.get('SELECT count(*) AS count FROM held WHERE state = ?', state)?.number('count') ?? 0
  )
}

function positionsOf(store: Store, source: string): Positions {
  const rows = store.all('SELECT partition, next FROM positions WHERE source = ?', source)
  return Object.fromEntries(rows.map((row) => [row.text('partition'), row.text('next')]))
}
