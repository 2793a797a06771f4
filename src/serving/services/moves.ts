/**
 * Moves of the live pointer by a person, rollback and promote, and by a policy of this server.
 *
 * The target is proved first, from its bytes on disk to the engine, so a version that cannot answer is refused and
 * nothing changes. One call makes one move and one generation; a race with the trainer is retried with the same target.
 * It ends when this server answers with the target, or with the version of a later move.
 */
import { CodedError } from '../../contracts/core.ts'
import type { ForgetTask } from '../../checkpoint/forgetting.ts'
import type { Input } from '../../contracts/event.ts'
import type { MoveRequest, Routing, Registry } from '../../versions/contract.ts'
import { openVersions, type NextMove, type VersionMoved } from '../../versions/service.ts'
import { fittedPrompt } from '../../nn/fitted-prompt.ts'
import { failure } from '../../platform/errors.ts'
import { openRandom } from '../../platform/random.ts'
import { reachesBack, versionsBefore } from '../live/live-pointer.ts'
import type { ServedModel } from './served-model.ts'

export interface MoveResult {
  readonly pointer: Routing
  readonly previous: string
}

/** How many moves a rollback searches for its target, and how many of them are enough in most cases. */
const HISTORY = 1000
const NEWEST = 64

export interface Movable extends MoveTarget, Pick<ServedModel, 'texts'> {
  /** Reads the requests to forget; absent = there are none. */
  readonly forgetTasks?: () => Promise<readonly ForgetTask[]>
}

export interface RollbackOptions {
  /** The version that is rolled back, whatever has become live since; absent = the live one. */
  readonly from?: string | undefined
  readonly asks?: MoveRequest | undefined
  readonly actor?: string | undefined
  /** Also to a version that was taken back; otherwise one that is named is refused. */
  readonly undone?: boolean | undefined
}

/**
 * `to` absent: to the version that was live before `from`. Without either a canary ends, and the live version stays;
 * without one, to the version before the live one.
 */
export async function rollBack(
  model: Movable,
  to: string | undefined,
  reason: string,
  { from, asks, actor }: RollbackOptions = {},
): Promise<MoveResult> {
  if (to !== undefined && from !== undefined)
    throw failure('REQUEST_INVALID', 'a rollback names to or from, not both')
  const ended = from === undefined ? await canaryless(model) : undefined
  const version = to ?? ended ?? (await defaultTarget(model, from))
  return move(model, { version, reason, by: 'rollback', asks, actor })
}

export async function promote(
  model: Movable,
  version: string,
  reason: string,
  actor?: string,
): Promise<MoveResult> {
  return move(model, { version, reason, by: 'promote', actor })
}

/** A live version that fails, and a request that it could not answer. */
export interface FailingVersion {
  readonly version: string
  readonly reason: string
  readonly inputs: readonly Input[]
}

/**
 * Back to the version before, by a policy of this server, unless another move has ended the failing one meanwhile. The
 * version before must answer the request first.
 */
export async function rollBackFailing(
  model: Movable,
  failing: FailingVersion,
): Promise<MoveResult> {
  const { version: from, reason, inputs } = failing
  const version = await defaultTarget(model)
  await answerWith(model, version, inputs)
  const asks = { follow: true } as const
  const { routing } = await movePointer(model, { version, from, reason, by: 'policy', asks })
  return { pointer: routing, previous: from }
}

/** Ends a canary that fails, unless it has ended meanwhile. The live version must answer the request first. */
export async function endFailingCanary(
  model: Movable,
  failing: FailingVersion,
): Promise<MoveResult> {
  const before = await model.registry.live()
  if (before?.canary?.version !== failing.version)
    throw failure('VERSION_UNKNOWN', `${failing.version} is no canary any more`)
  const { version } = before.live
  await answerWith(model, version, failing.inputs)
  const { reason } = failing
  const asks = { follow: true } as const
  const next = { version, from: version, reason, by: 'policy', asks } as const
  const { routing } = await movePointer(model, next)
  return { pointer: routing, previous: version }
}

/** Fails if this version cannot answer the request either. Of a text the first token is written, and nothing is stored. */
async function answerWith(
  { name, live, texts }: Movable,
  version: string,
  inputs: readonly Input[],
): Promise<void> {
  if (texts === undefined) {
    await live.predict({ inputs, version })
    return
  }
  const { language, scheduler, usual } = texts
  const held = await live.hold({ version })
  try {
    for (const input of inputs) {
      const room = { most: language.positions, answer: 1, overflow: usual.overflow }
      const [text] = scheduler.run({
        ...{ model: name, adapter: held.manifest.digest },
        ...{ prompt: fittedPrompt(language, input, room).ids, maxTokens: 1 },
        ...{ sampling: { temperature: 0, topP: 1 }, ends: language.ends },
        draws: [openRandom(0, 'proof')],
        signal: new AbortController().signal,
      })
      await text?.next()
    }
  } finally {
    held.release()
  }
}

/** The version that the users of a canary come back to. */
async function canaryless({ registry }: Movable): Promise<string | undefined> {
  const routing = await registry.live()
  return routing?.canary && routing.live.version
}

async function defaultTarget(model: Movable, from?: string): Promise<string> {
  const { name, registry } = model
  const tainted = (await taintedBy(model))?.versions ?? []
  for (const count of [NEWEST, HISTORY]) {
    const newest = await registry.history(count)
    const at = from === undefined ? 0 : newest.findIndex(({ live }) => live.version === from)
    const history = at < 0 ? [] : newest.slice(at)
    const isShort = history.length === 0 || reachesBack(history)
    if (count === NEWEST && newest.length === count && isShort) continue
    for (const version of versionsBefore(history))
      if (!tainted.includes(version) && (await isThere(registry, version))) return version
    if (newest.length < count) break
  }
  const before = from === undefined ? '' : ` before ${from}`
  throw failure('ROLLBACK_IMPOSSIBLE', `model ${name} has no earlier live version${before}`)
}

interface TaintedVersions {
  readonly request: string
  readonly versions: readonly string[]
}

/**
 * The versions that have learned what a request under way forgets. Where the trainer cannot be asked, it undoes such a move
 * itself.
 */
async function taintedBy({
  forgetTasks,
}: Pick<Movable, 'forgetTasks'>): Promise<TaintedVersions | undefined> {
  try {
    const task = (await forgetTasks?.())?.find(({ stage }) => stage === 'rebuilding')
    return task && { request: task.asked.request, versions: [...task.retiring, ...task.retired] }
  } catch (error) {
    if (error instanceof CodedError) return undefined
    throw error
  }
}

/** `VERSION_TAINTED` if a request to forget removes this version, which does not answer already. */
export async function refuseTainted(
  version: string,
  model: Pick<Movable, 'registry' | 'forgetTasks'>,
): Promise<void> {
  const tainted = await taintedBy(model)
  if (tainted?.versions.includes(version) !== true) return
  if ((await model.registry.live())?.live.version === version) return
  const { request } = tainted
  const text = `${version} has learned what the request ${request} forgets, and loses its bytes when that is done`
  throw failure('VERSION_TAINTED', text, { details: { version, request } })
}

async function isThere(registry: Registry, version: string): Promise<boolean> {
  try {
    return !(await registry.find(version)).removed
  } catch (error) {
    // Its manifest is forgotten, or damaged.
    if (error instanceof CodedError && !error.retriable) return false
    throw error
  }
}

async function move(
  model: Movable,
  next: NextMove & { readonly version: string },
): Promise<MoveResult> {
  await refuseTainted(next.version, model)
  await model.live.prove(next.version)
  const { routing, previous } = await movePointer(model, next)
  return { pointer: routing, previous: previous?.live.version ?? next.version }
}

/** What a move of the pointer needs of a model. */
export type MoveTarget = Pick<ServedModel, 'name' | 'registry' | 'live' | 'feedback'>

/** Every move by a person or by a policy of this server. Resolves when this server answers with its version, or a later one. */
export async function movePointer(
  { name, registry, live, feedback }: MoveTarget,
  next: NextMove,
): Promise<VersionMoved> {
  if ((await registry.live()) === undefined)
    throw failure('NOT_READY', `model ${name} has no live version`)
  const moved = await openVersions(registry).move(next)
  feedback.moved?.(moved.routing)
  await live.swap(moved.routing)
  return moved
}
