/** The lines of a chart: which points are seen, how high they are, the path through them, and its marks. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PastMove } from '../../../client/answers.ts'
import type { Sample } from '../../../serving/services/series/contract.ts'
import { clockTime } from './format.tsx'

export interface Point {
  readonly timeMs: number
  readonly value: number
  /** Examples judged so far; less after a rollback. */
  readonly count: number
}

export interface Scale {
  readonly x: (timeMs: number) => number
  readonly y: (value: number) => number
}

export const HEIGHT = 200
export const TOP = 18
export const RIGHT = 8
export const BOTTOM = 20
export const LEFT = 46

export function useWidth() {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(600)
  useEffect(() => {
    const { current } = box
    if (current === null) return undefined
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(200, Math.floor(entry.contentRect.width)))
    })
    observer.observe(current)
    return () => {
      observer.disconnect()
    }
  }, [])
  return { box, width }
}

/** `earlier`: from before the first sample. */
export function pointsOf(samples: readonly Sample[], earlier: readonly Point[]): readonly Point[] {
  const live = samples.flatMap(({ timeMs, value, count }) =>
    count > 0 && value !== null ? [{ timeMs, value, count }] : [],
  )
  const first = live[0]?.timeMs ?? Infinity
  return [...earlier.filter(({ timeMs }) => timeMs < first), ...live]
}

/** There is no score after a rollback to a version that nothing has judged, until feedback comes. */
export function lineEnd(samples: readonly Sample[], nowMs: number): number {
  const last = samples.findLastIndex(({ count }) => count > 0)
  return samples[last + 1]?.timeMs ?? nowMs
}

/** Those in the range, and the last one before it, moved to its edge. */
export function within<P extends { readonly timeMs: number }>(
  points: readonly P[],
  startMs: number,
): readonly P[] {
  const before = points.findLast(({ timeMs }) => timeMs < startMs)
  const inside = points.filter(({ timeMs }) => timeMs >= startMs)
  return before === undefined ? inside : [{ ...before, timeMs: startMs }, ...inside]
}

/**
 * The ends of the scale. A share begins a tenth below the lowest, so that small changes show, and ends at 1, or a tenth above the
 * highest where all are below a half; for shares of a few per cent it is a hundredth.
 */
export function rangeOf(values: readonly number[], isShare: boolean): readonly [number, number] {
  if (isShare) {
    const [least, most] = [Math.min(0.9, ...values), Math.max(0, ...values)]
    const steps = values.length > 0 && most < 0.05 ? 100 : 10
    const high = values.length > 0 && most < 0.5 ? Math.ceil(most * steps + 0.5) / steps : 1
    return [Math.max(0, Math.floor(least * steps - 0.5) / steps), high]
  }
  if (values.length === 0) return [0, 1]
  const [least, most] = [Math.min(...values), Math.max(...values)]
  const room = Math.max((most - least) / 8, most / 50, 1e-6)
  return [Math.max(0, least - room), most + room]
}

/**
 * The place of each time on an axis of judged examples: how many were judged until then. An idle hour has no width. A
 * rollback counts back, and the axis stays: the line goes back to the score of then.
 */
export function judgedAt(points: readonly Point[]): (timeMs: number) => number {
  const sums: number[] = []
  for (const [at, { count }] of points.entries()) {
    const before = points[at - 1]?.count ?? 0
    sums.push((sums[at - 1] ?? 0) + Math.max(0, count - before))
  }
  return (timeMs) => {
    let [low, high] = [0, points.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((points[middle]?.timeMs ?? Infinity) <= timeMs) low = middle + 1
      else high = middle
    }
    return sums[low - 1] ?? 0
  }
}

/** In time a value holds until it changes: a pause is a level line, not a slope. */
export const PAUSE_MS = 3000

const DASH_PX = 8

export function pathOf(
  points: readonly Pick<Point, 'timeMs' | 'value'>[],
  endMs: number,
  { x, y, pauseMs }: Scale & { readonly pauseMs: number },
): string {
  const [first] = points
  // A line of no width would not show: its last value is a dash.
  if (first !== undefined && x(endMs) - x(first.timeMs) < 1) {
    const value = points.at(-1)?.value ?? first.value
    const left = Math.max(LEFT, x(endMs) - DASH_PX)
    return `M${left.toFixed(1)},${y(value).toFixed(1)}H${(left + DASH_PX).toFixed(1)}`
  }
  let path = ''
  let last: number | undefined
  for (const { timeMs, value } of points) {
    const [right, down] = [x(timeMs).toFixed(1), y(value).toFixed(1)]
    if (last === undefined) path = `M${right},${down}`
    else path += timeMs - last > pauseMs ? `H${right}V${down}` : `L${right},${down}`
    last = timeMs
  }
  return `${path}H${x(endMs).toFixed(1)}`
}

/** Marks of the line: where another version began to answer, and where drift was found. */
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
