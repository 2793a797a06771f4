/** What a move of the live pointer means to a trainer: a command, or a version that its line goes to. */
import type { Logger } from '../../contracts/core.ts'
import type { Task } from '../../contracts/task.ts'
import type { AfterRollback, Mover, Routing } from '../../versions/contract.ts'
import { isUndoing, isFollowed, routedVersions } from '../../versions/routing.ts'
import { selectedBy } from '../../checkpoint/set-aside-events.ts'
import { eventStates } from '../../checkpoint/event-log/states.ts'
import type { TrainerState } from '../state.ts'
import type { Move } from '../../checkpoint/saved.ts'
import { hasLearnedForgotten } from '../lineage/tainted.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'

/**
 * Commands besides moving to a version: to pause learning, what to do with events that a rollback has set aside, and to put a
 * version on trial. They arrive as moves that keep the version.
 */
const commands: readonly Mover[] = [
  ...(['pause', 'resume', 'relearn', 'discard', 'forget', 'canary', 'shadow'] as const),
]

function isCommand({ by }: Routing): boolean {
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

/**
 * `ours`: intended and done. `pass`: means nothing here. `adopt`: go there. `finish`: the version on trial
 * goes live, and learning goes on. `apply`: a command that keeps the version. `wait`: intend nothing until the line is there.
 * `refuse`: the version has learned what a request under way forgets.
 */
type Verdict = 'ours' | 'pass' | 'adopt' | 'finish' | 'apply' | 'wait' | 'refuse'

/**
 * What a move means for a line of versions that has not recorded it.
 *
 * After a takeover the line may be before moves that were already made. Learning is deterministic, so it makes the same
 * versions again and intends the same moves, and finds each of them done. Until then nothing is adopted, because the
 * weights ahead have learned events that the stream will deliver again (law 1). If the line turns out to differ
 * (another order of partitions, another CPU), the predecessor's moves are ignored and only moves by people and servers count.
 */
export async function reconcilePointer(
  move: Routing,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<Verdict> {
  const { progress } = parts.state
  const [intended] = progress.state.intended
  if (intended !== undefined && isSame(intended, move)) return 'ours'
  // The pointer is never moved back to versions that the line makes on its way there, no matter what moved it.
  if (routedVersions(move).some(({ version }) => progress.isAhead(version))) return 'wait'
  const asked = askedVersion(move)
  if (asked !== undefined && (await hasLearnedForgotten(asked, parts, signal))) return 'refuse'
  if (move.by === 'promote' && parts.state.trials.isOwn(move.live.version)) return 'finish'
  if (isFollowed(move)) return 'adopt'
  if (isCommand(move)) return 'apply'
  const { place } = move.asks ?? {}
  if (intended !== undefined) return 'pass'
  if (place !== undefined) return progress.accepted < place ? 'wait' : 'pass'
  if (move.by !== 'policy') return 'pass'
  return progress.isAhead(await newest(parts, signal)) ? 'wait' : 'pass'
}

/** The version that a person or a server asks for; undefined where the move only keeps what answers. */
function askedVersion(move: Routing): string | undefined {
  if (isFollowed(move)) return move.live.version
  if (move.by === 'canary' || move.by === 'shadow') return (move.canary ?? move.shadow)?.version
  return undefined
}

function isSame(intended: Move, { live, canary, shadow, by }: Routing): boolean {
  return (
    intended.by === by &&
    intended.version === live.version &&
    intended.canary?.version === canary?.version &&
    intended.canary?.share === canary?.share &&
    intended.shadow === shadow?.version
  )
}

/** In a fleet that began with an earlier release, which published a version before such a move. */
async function newest({ loop, retry }: RestoreVersion, signal: AbortSignal): Promise<string> {
  const list = () => loop.registry.list(1)
  const [last] = await retry.run('looking for the newest version', list, signal)
  return last?.manifest.version ?? ''
}
