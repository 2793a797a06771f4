/** Marks of the line: where another version began to answer, and where drift was found. */
import type { Sample } from './stream.tsx'
import type { PastMove } from '../../../client/answers.ts'
import { clockTime } from './format.tsx'
import { BOTTOM, HEIGHT, TOP } from './scale.tsx'

export interface Mark extends PastMove {
  readonly timeMs: number
  /** Not by the trainer. */
  readonly isByPerson: boolean
}

/** Marks of the trainer that are nearer than this look like one. */
const NEAR_PX = 8
/** Room for the name of a mark. */
const NAME_PX = 70

export function MarkLine(props: {
  readonly mark: Mark
  readonly at: number
  /** Absent: there is no room for it. */
  readonly name: string | undefined
  readonly isChosen: boolean
  readonly onChoose: () => void
}) {
  const { mark, at, name, isChosen, onChoose } = props
  const kind = `mark${mark.isByPerson ? ' person' : ''}${isChosen ? ' chosen' : ''}`
  return (
    <g class={kind} onClick={onChoose}>
      <line x1={at} x2={at} y1={TOP - 4} y2={HEIGHT - BOTTOM} />
      <rect class="target" x={at - 8} width={16} y={0} height={HEIGHT - BOTTOM} />
      {name !== undefined && (
        <text x={at} y={11} text-anchor={at > 60 ? 'end' : 'start'}>
          {name}
        </text>
      )}
      <title>
        {mark.version}, {clockTime(mark.timeMs)}
      </title>
    </g>
  )
}

/** Empty for a move that needs no name: one of the trainer, or one that changed no version. */
function nameOf({ by, version, before, canary, shadow }: Mark): string {
  if (by === 'rollback' || (by === 'policy' && version !== before)) return `↩ ${version}`
  if (by === 'promote') return version
  if (by === 'pause') return 'paused'
  if (by === 'resume') return 'resumed'
  if (by === 'canary' && canary !== undefined) return `canary ${canary.version}`
  if (by === 'shadow' && shadow !== undefined) return `shadow ${shadow.version}`
  return ''
}

/** The marks that have room for their name: the chosen one, and others from the newest on. */
export function namedOf(
  marks: readonly Mark[],
  chosen: number | undefined,
  x: (timeMs: number) => number,
): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  const taken: number[] = []
  const isFree = (at: number) => taken.every((other) => Math.abs(at - other) >= NAME_PX)
  const ordered = marks.toReversed().toSorted((one, other) => {
    return Number(other.generation === chosen) - Number(one.generation === chosen)
  })
  for (const mark of ordered) {
    const isChosen = mark.generation === chosen
    const name = nameOf(mark) || (isChosen ? mark.version : '')
    if (name === '' || !isFree(x(mark.timeMs))) continue
    taken.push(x(mark.timeMs))
    names.set(mark.generation, name)
  }
  return names
}

export function marksOf(moves: readonly PastMove[], startMs: number): readonly Mark[] {
  return moves
    .map((move) => ({
      ...move,
      timeMs: Date.parse(move.since),
      isByPerson: move.by !== 'trainer' && move.by !== 'start',
    }))
    .filter(({ timeMs }) => timeMs >= startMs)
    .reverse()
}

export function thinned(marks: readonly Mark[], x: (timeMs: number) => number): readonly Mark[] {
  let last = -Infinity
  return marks.filter(({ timeMs, isByPerson }) => {
    const isFar = x(timeMs) - last >= NEAR_PX
    if (isFar) last = x(timeMs)
    return isFar || isByPerson
  })
}

export function alarmsOf(samples: readonly Sample[], startMs: number): readonly number[] {
  return samples
    .filter((sample, at) => at > 0 && sample.alarms > (samples[at - 1]?.alarms ?? 0))
    .map(({ timeMs }) => timeMs)
    .filter((timeMs) => timeMs >= startMs)
}
