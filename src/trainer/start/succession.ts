/**
 * A checkpoint from an earlier base: converts its examples to inputs of the present one, and its weights if they carry
 * over. Otherwise a fresh adapter starts, and learns from the stored examples.
 *
 * The resulting version is the same knowledge on the present base, so it is published immediately: servers use this
 * base too, and their version belongs to the other.
 */
import type { TrainableState } from '../../contracts/adapter.ts'
import type { Tensors } from '../../contracts/core.ts'
import type { Succession } from '../../contracts/base.ts'
import { MIXTURE_TENSORS } from '../../learner/memory/mixture.ts'
import { releaseAgain } from '../updates/candidate.ts'
import type { RestoreVersion } from '../lineage/restore-version.ts'
import { type SavedState, withExamples } from '../../checkpoint/saved.ts'

export interface SucceededState {
  readonly saved: SavedState
  /** The differences, as text for people. */
  readonly reason: string
}

/** Undefined if the checkpoint belongs to the present base, or to one that cannot be converted. */
export function movedToBase(
  saved: SavedState,
  { loop, state }: RestoreVersion,
): SucceededState | undefined {
  const { task } = loop
  const { base } = loop.encoding
  const { identity } = saved
  if (identity.base === base.hash || identity.task !== task.kind) return undefined
  const { base: hash, settings } = identity
  const isDefined = settings !== undefined && settings !== ''
  const going = loop.adapter.goesOn?.({ name: base.name, hash, ...(isDefined && { settings }) })
  if (going === undefined) return undefined
  const { succession } = going
  const isCarried = going.isCarried && identity.adapter === state.identity.adapter
  const reason = isCarried ? succession.told : `${succession.told}; a fresh adapter starts`
  return { saved: moved(saved, succession, { isCarried, loop, state }), reason }
}

function moved(
  saved: SavedState,
  succession: Succession,
  {
    isCarried,
    loop,
    state,
  }: Pick<RestoreVersion, 'loop' | 'state'> & { readonly isCarried: boolean },
): SavedState {
  const { identity, weights, memorised } = saved
  const rows = withExamples(saved, (example) => ({
    ...example,
    encoded: succession.row(example.encoded),
  }))
  return {
    ...rows,
    // An adapter without a name is never the present one.
    identity: {
      ...identity,
      base: loop.encoding.base.hash,
      settings: loop.encoding.base.settings ?? '',
      adapter: isCarried ? state.identity.adapter : '',
    },
    weights: isCarried ? { ...weights, tensors: succession.tensors(ofAdapter(weights)) } : weights,
    ...(memorised !== undefined && { memorised: [] }),
  }
}

/** Other experts have learned where inputs of the earlier base lie. */
function ofAdapter({ tensors }: TrainableState): Tensors {
  return new Map([...tensors].filter(([name]) => !name.startsWith(MIXTURE_TENSORS)))
}

export async function publishMoved(
  reason: string,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<void> {
  const { loop, state } = parts
  const { progress } = state
  progress.respects(loop.task.retired)
  // Refers to the present schema, whatever method it came with.
  progress.setBar(undefined)
  const version = await releaseAgain(reason, parts, signal)
  loop.log.info({ version, reason }, 'the version that the config requires')
}
