/** Plans the recovery before anything is changed, so that the plan can be shown first. */
import type { Positions } from '../../contracts/source.ts'
import type { Manifest } from '../../versions/contract.ts'
import { failure } from '../../platform/errors.ts'
import { numberOf } from '../../versions/order.ts'
import { isByTrainer } from '../../versions/routing.ts'
import type { Recovery } from '../../checkpoint/recovery.ts'
import type { Examination } from './examine.ts'
import { chooseVersion, positionsAt, type FoundVersion } from './versions.ts'

export interface Aside {
  readonly file: string
  readonly why: string
}

export interface Plan {
  /** Files, and folders of versions, to move aside. */
  readonly aside: readonly Aside[]
  /** The version to make live, if the live one is unusable. */
  readonly pointer?: { readonly version: string; readonly digest: string; readonly after: number }
  /** For the next start of the trainer. */
  readonly recovery?: Recovery & { readonly positions: Readonly<Record<string, Positions>> }
  /** The journal is read from here on: its position in the checkpoint is unusable. */
  readonly journal?: { readonly next: 'begin' | number }
  /** A new inbox, with everything readable from this offset of the old one on. */
  readonly inbox?: { readonly from: number }
  /** Damaged snapshots in the checkpoint. */
  readonly snapshots: readonly string[]
  readonly kept: readonly string[]
  readonly lost: readonly string[]
  readonly isNeeded: boolean
}

interface Needs {
  /** The model reads its own inbox, not a stream shared by a fleet. */
  readonly readsInbox: boolean
  readonly isFleet: boolean
}

export function planOf(found: Examination, needs: Needs): Plan {
  const kept: string[] = []
  const lost: string[] = []
  const notes = { kept, lost }
  const unusable = found.versions.filter(isDamaged)
  const chosen = chooseVersion(found.versions, found.history, knownTo(found))
  if (needs.isFleet) noteFleet(found, notes)
  const recovery = needs.isFleet ? undefined : recoveryOf(found, chosen, notes)
  const journal = needs.readsInbox
    ? journalPlan(found, recovery?.positions, notes)
    : salvageAll(found)
  noteStores(found, notes)
  const pointer = needs.isFleet ? undefined : pointerOf(found, chosen)
  const aside = asideOf(found, unusable)
  const snapshots = found.checkpoint.kind === 'whole' ? found.checkpoint.snapshots : []
  if (snapshots.length > 0)
    lost.push(
      `the trainer's state at ${snapshots.join(', ')}: a rollback there restores only its weights`,
    )
  const isNeeded =
    aside.length > 0 ||
    snapshots.length > 0 ||
    pointer !== undefined ||
    recovery !== undefined ||
    Object.keys(journal).length > 0
  return {
    ...{ aside, snapshots, kept, lost, isNeeded },
    ...(pointer && { pointer }),
    ...(recovery && { recovery }),
    ...journal,
  }
}

interface Notes {
  readonly kept: string[]
  readonly lost: string[]
}

/** One of another base is intact, but unusable only with this config. */
function isDamaged({ why }: FoundVersion): boolean {
  return why !== undefined && !why.startsWith('VERSION_FOREIGN')
}

function savedOf({ checkpoint }: Examination) {
  return checkpoint.kind === 'whole' || checkpoint.kind === 'weights' ? checkpoint.saved : undefined
}

function knownTo(found: Examination): readonly string[] {
  const progress = savedOf(found)?.progress
  const intended = progress?.intended.at(-1)?.version
  return [intended, progress?.live?.version, progress?.live?.previous, progress?.parent].flatMap(
    (version) => version ?? [],
  )
}

function recoveryOf(found: Examination, chosen: FoundVersion | undefined, notes: Notes) {
  const { checkpoint, history } = found
  const live = history[0]?.live.version ?? knownTo(found)[0]
  const isLiveUsable = live === undefined || live === chosen?.version
  const next = nextNumber(found)
  if (checkpoint.kind === 'whole') {
    if (isLiveUsable) return undefined
    notes.kept.push(
      'state.db: everything that was learned; its weights are published again as a version',
    )
    const reason = `recovered from the checkpoint: ${live} is unusable`
    return { from: 'publish', version: chosen?.version ?? '', next, reason, positions: {} } as const
  }
  if (checkpoint.kind === 'missing' && !wasTrained(found)) return undefined
  if (chosen?.manifest === undefined) throw impossible(found)
  const { version } = chosen
  if (checkpoint.kind === 'weights' && checkpoint.saved.progress.parent === version) {
    notes.kept.push(`state.db: everything but its weights; those of ${version} are the same`)
    notes.lost.push('state of the optimizer')
    const reason = `the weights in state.db are damaged: ${checkpoint.why}`
    return { from: 'weights', version, next, reason, positions: {} } as const
  }
  return fromVersion(found, chosen.manifest, next, notes)
}

function fromVersion(found: Examination, version: Manifest, next: number, { kept, lost }: Notes) {
  const manifests = [...found.removed, ...found.versions.flatMap(({ manifest }) => manifest ?? [])]
  const positions = positionsAt(version, manifests, found.history)
  kept.push(
    `${version.version}: ${version.events} learned events; the streams are read from where it ended`,
  )
  lost.push(
    'state.db: the replay buffer, state of the optimizer, counts, seen ids (an event that is sent again may be learned again), events that waited for their prediction or were set aside',
  )
  const { kind } = found.checkpoint
  const state = kind === 'missing' || kind === 'older' ? kind : 'damaged'
  const reason = `recovered from ${version.version}: state.db is ${state}`
  return { from: 'version', version: version.version, next, reason, positions } as const
}

/** Only a trainer moves the pointer like this, and only after its first checkpoint. */
function wasTrained({ history, versions, registry }: Examination): boolean {
  if (registry.kind !== 'whole') return versions.length > 0
  return history.some(isByTrainer)
}

function noteFleet({ checkpoint }: Examination, { kept }: Notes): void {
  if (checkpoint.kind !== 'whole')
    kept.push('state.db: the copy in Redis is fetched when this daemon trains the model')
}

function nextNumber(found: Examination): number {
  const names = [
    ...found.versions.map(({ version }) => version),
    ...found.removed.map(({ version }) => version),
    ...found.history.map(({ live }) => live.version),
  ]
  const next = savedOf(found)?.progress.next ?? 0
  return names.reduce((most, name) => Math.max(most, numberOf(name) + 1), next)
}

function impossible({ model, versions, folder }: Examination) {
  const first = versions[0]
  const why = first === undefined ? 'there is none' : `${first.version}: ${first.why ?? ''}`
  const message = `${model} has no version that can answer, and its checkpoint is unusable: ${why}`
  return failure('RECOVER_IMPOSSIBLE', message, { details: { folder } })
}

/** The trainer's checkpoint knows what was forwarded already. */
function salvageAll({ inbox }: Examination): Pick<Plan, 'inbox'> {
  return inbox.kind === 'damaged' ? { inbox: { from: 0 } } : {}
}

/** The new position in the inbox, if it has to change. */
function journalPlan(
  found: Examination,
  decided: Readonly<Record<string, Positions>> | undefined,
  { kept, lost }: Notes,
): Pick<Plan, 'journal' | 'inbox'> {
  const { inbox } = found
  const saved = found.checkpoint.kind === 'whole' || found.checkpoint.kind === 'weights'
  const positions = saved ? savedOf(found)?.positions : decided
  if (positions === undefined) return salvageAll(found)
  const known = savedOf(found)?.journals?.http
  const { journal } = inbox
  // A fleet that this daemon has left marked in the inbox what it learned.
  const ofFleet = positions.http === undefined || saved ? 0 : (journal?.consumed ?? 0)
  const next = Number(positions.http?.['0'] ?? ofFleet)
  if (journal === undefined) {
    if (inbox.kind === 'missing' && known === undefined && next === 0) return {}
    lost.push(
      inbox.kind === 'missing'
        ? 'inbox.db: acknowledged events that were not learned yet; served predictions, so feedback that refers to an older one is refused'
        : 'inbox.db: its unreadable parts',
    )
    return { inbox: { from: next }, journal: { next: 'begin' } }
  }
  const isForeign =
    (known !== undefined && known !== journal.identity) ||
    next > journal.end ||
    (!saved && next > 0 && journal.consumed === 0)
  if (isForeign) {
    kept.push(`inbox.db: ${journal.end - journal.begin} events, read from its start`)
    lost.push('acknowledged events of the previous journal that were not learned, if any')
    return { journal: { next: 'begin' } }
  }
  if (next < journal.begin) {
    lost.push(
      `${journal.begin - next} events that were removed from inbox.db after they had been learned`,
    )
    return { journal: { next: journal.begin } }
  }
  if (saved) return {}
  kept.push(`inbox.db: ${journal.end - next} events after that place, which are learned again`)
  return { journal: { next } }
}

function noteStores({ registry, letters }: Examination, { lost }: Notes): void {
  if (registry.kind === 'damaged')
    lost.push('registry.db: the history of moves, pins, manifests of removed versions')
  if (letters.kind === 'damaged') lost.push('dead-letters.db: the dead letters in it')
}

function pointerOf(
  { history, checkpoint, registry }: Examination,
  chosen: FoundVersion | undefined,
): Plan['pointer'] {
  if (chosen?.manifest === undefined || history[0]?.live.version === chosen.version)
    return undefined
  if (history[0] === undefined && registry.kind === 'whole') return undefined
  const known =
    checkpoint.kind === 'whole' || checkpoint.kind === 'weights'
      ? checkpoint.saved.progress.generation
      : 0
  const after = Math.max(history[0]?.generation ?? 0, known)
  return { version: chosen.version, digest: chosen.manifest.digest, after }
}

function asideOf(found: Examination, unusable: readonly FoundVersion[]): readonly Aside[] {
  const { registry, inbox, letters, checkpoint } = found
  const stores = { 'registry.db': registry, 'inbox.db': inbox, 'dead-letters.db': letters }
  const files = Object.entries(stores).flatMap(([file, state]) =>
    state.kind === 'damaged' ? [{ file, why: state.why }] : [],
  )
  const state = asideCheckpoint(checkpoint, savedParent(found))
  const folders = unusable.map(({ version, why = '' }) => ({ file: `versions/${version}`, why }))
  return [...files, ...state, ...folders]

  function savedParent({ versions, history }: Examination): boolean {
    const chosen = chooseVersion(versions, history, knownTo(found))
    return checkpoint.kind === 'weights' && checkpoint.saved.progress.parent === chosen?.version
  }
}

function asideCheckpoint(
  checkpoint: Examination['checkpoint'],
  isMended: boolean,
): readonly Aside[] {
  if (checkpoint.kind === 'damaged' || checkpoint.kind === 'older')
    return [{ file: 'state.db', why: checkpoint.why }]
  if (checkpoint.kind === 'weights' && !isMended) return [{ file: 'state.db', why: checkpoint.why }]
  return []
}
