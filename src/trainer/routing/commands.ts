/**
 * Commands to a trainer besides moving to a version: to pause learning, what to do with events that a rollback has set
 * aside, and to put a version on trial. They arrive as moves of the live pointer that keep its version.
 */
import type { Logger } from '../../contracts/core.ts'
import type { Task } from '../../contracts/task.ts'
import type { AfterRollback, Mover, Routing } from '../../versions/contract.ts'
import { isUndoing } from '../../versions/routing.ts'
import { selectedBy } from '../../checkpoint/set-aside-events.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import type { TrainerState } from '../state.ts'

const commands: readonly Mover[] = [
  ...(['pause', 'resume', 'relearn', 'discard', 'forget', 'canary', 'shadow'] as const),
]

export function isCommand({ by }: Routing): boolean {
  return commands.includes(by)
}

/** Whether a trainer that reaches this move pauses learning from there on. `usual`: `after_rollback` of the config. */
export function isHolding(move: Routing, usual: AfterRollback | undefined): boolean {
  if (isUndoing(move)) return afterRollback(move, usual) === 'hold'
  return move.by === 'pause' || move.asks?.hold === true
}

export function afterRollback(
  { asks }: Pick<Routing, 'asks'>,
  usual: AfterRollback = 'skip',
): AfterRollback {
  return asks?.hold === true ? 'hold' : (asks?.then ?? usual)
}

/** Changes the state; the caller saves. */
export function applyCommand(
  move: Routing,
  state: TrainerState,
  { task, log }: { readonly task: Pick<Task, 'selected'>; readonly log: Logger },
): void {
  const { by, asks, reason } = move
  const { progress, setAside, log: events } = state
  if (by === 'pause' || by === 'resume') progress.pause(by === 'pause')
  if (by === 'canary' || by === 'shadow') state.trials.apply(move)
  if (by === 'forget' && asks?.forget !== undefined) state.forgetting.ask(asks.forget, move)
  const selection = selectedBy(asks?.selection ?? {}, task)
  const count = by === 'relearn' ? setAside.relearn(selection) : 0
  const gone = by === 'discard' ? setAside.discard(selection) : []
  for (const key of gone) events.wasSetAside(key, eventStates.discarded)
  const all = count + gone.length
  log.info({ by, reason, ...(all > 0 && { events: all }) }, 'a command')
}
