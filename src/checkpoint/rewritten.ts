/** A checkpoint with each of its examples changed in one way, wherever it is kept. */
import type { Example } from '../contracts/example.ts'
import type { SavedState } from './saved.ts'
import type { SetAsideEntry } from './set-aside-events.ts'

/** Other versions have answered the examples as they were. */
export function withExamples(
  { compared: _compared, ...saved }: SavedState,
  change: <Row extends Example>(row: Row) => Row,
): SavedState {
  const aside = (entry: SetAsideEntry): SetAsideEntry =>
    entry.what.kind === 'event'
      ? entry
      : { ...entry, what: { kind: 'example', example: change(entry.what.example) } }
  return {
    ...saved,
    pending: saved.pending.map(change),
    ...(saved.heldOut && { heldOut: saved.heldOut.map(change) }),
    remembered: saved.remembered.map(change),
    setAside: saved.setAside.map(aside),
    rewrites: [...(saved.rewrites ?? []), change],
  }
}
