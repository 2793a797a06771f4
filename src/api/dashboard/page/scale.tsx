/** The lines of a chart: which points are seen, how high they are, and the path through them. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Sample } from './answers.tsx'

export interface Point {
  readonly timeMs: number
  readonly accuracy: number
}

export interface Scale {
  readonly x: (timeMs: number) => number
  readonly y: (accuracy: number) => number
}

export const HEIGHT = 200
export const TOP = 18
export const RIGHT = 8
export const BOTTOM = 20
export const LEFT = 34

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
  const live = samples.filter(({ count }) => count > 0)
  const first = live[0]?.timeMs ?? Infinity
  return [...earlier.filter(({ timeMs }) => timeMs < first), ...live]
}

/** There is no score after a rollback to a version that nothing has judged, until feedback comes. */
export function lineEnd(samples: readonly Sample[], nowMs: number): number {
  const last = samples.findLastIndex(({ count }) => count > 0)
  return samples[last + 1]?.timeMs ?? nowMs
}

/** Those in the range, and the last one before it, moved to its edge. */
export function within(points: readonly Point[], startMs: number): readonly Point[] {
  const before = points.findLast(({ timeMs }) => timeMs < startMs)
  const inside = points.filter(({ timeMs }) => timeMs >= startMs)
  return before === undefined ? inside : [{ ...before, timeMs: startMs }, ...inside]
}

/** A tenth below the lowest point, so that small changes show. */
export function lowest(points: readonly Point[]): number {
  const least = Math.min(0.9, ...points.map(({ accuracy }) => accuracy))
  return Math.max(0, Math.floor(least * 10 - 0.5) / 10)
}

/** A value holds until it changes: a pause is a level line, not a slope. */
const PAUSE_MS = 3000

export function pathOf(
  points: readonly Point[],
  endMs: number,
  x: (timeMs: number) => number,
  y: (accuracy: number) => number,
): string {
  let path = ''
  let last: number | undefined
  for (const { timeMs, accuracy } of points) {
    const [right, down] = [x(timeMs).toFixed(1), y(accuracy).toFixed(1)]
    if (last === undefined) path = `M${right},${down}`
    else path += timeMs - last > PAUSE_MS ? `H${right}V${down}` : `L${right},${down}`
    last = timeMs
  }
  return `${path}H${x(endMs).toFixed(1)}`
}
