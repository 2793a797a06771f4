/** A line for each slice, or for each source: at most six at a time, the ones that a person chooses. */
import { useState } from 'preact/hooks'
import type { PartKind, PartLines } from '../../../serving/services/series/contract.ts'
import { FEWEST, share } from './format.tsx'
import { pathOf, within, type Point, type Scale } from './scale.tsx'

export type By = 'all' | PartKind

/** As many as `style.ts` has colours for. */
const MOST = 6
const FIRST = 4

export interface PartLine {
  readonly name: string
  /** The colour; undefined while it is not drawn. */
  readonly slot: number | undefined
  /** Its examples so far. */
  readonly count: number
  readonly points: readonly Pick<Point, 'timeMs' | 'value'>[]
}

export interface Parts {
  readonly lines: readonly PartLine[]
  readonly isFull: boolean
  readonly toggle: (name: string) => void
}

/** A chosen part keeps its colour until it is taken away. */
export function useParts(answer: PartLines | undefined, by: By): Parts {
  const [chosen, setChosen] = useState<{ by: By; slots: readonly (string | undefined)[] }>()
  const all = answer?.lines ?? []
  const slots =
    chosen?.by === by
      ? chosen.slots
      : Array.from({ length: MOST }, (_, at) => (at < FIRST ? all[at]?.name : undefined))
  const lines = all.map(({ name, count, values }) => {
    const at = slots.indexOf(name)
    const points = values.flatMap((value, index) => {
      const timeMs = answer?.timesMs[index]
      return value === null || timeMs === undefined ? [] : [{ timeMs, value }]
    })
    return { name, count, slot: at === -1 ? undefined : at, points }
  })
  return {
    lines,
    isFull: slots.every((slot) => slot !== undefined),
    toggle(name) {
      const at = slots.indexOf(name)
      const to = at === -1 ? slots.indexOf(undefined) : at
      const value = at === -1 ? name : undefined
      setChosen({ by, slots: slots.map((slot, index) => (index === to ? value : slot)) })
    },
  }
}

interface PathsProps extends Scale {
  readonly lines: readonly PartLine[]
  readonly startMs: number
  readonly endMs: number
  readonly pauseMs: number
}

export function PartPaths({ lines, startMs, endMs, ...scale }: PathsProps) {
  return (
    <>
      {lines.map(({ name, slot, points }) => {
        const shown = slot === undefined ? [] : within(points, startMs)
        if (shown.length === 0) return null
        return (
          <path key={name} class={`line part p${slot}`} d={pathOf(shown, endMs, scale)}>
            <title>{name}</title>
          </path>
        )
      })}
    </>
  )
}

/** Which line is which, how each stands now, and which ones are drawn. */
export function Legend({ lines, isFull, toggle }: Parts) {
  if (lines.length === 0) return <p class="note">No example of one has been judged yet.</p>
  return (
    <>
      <div class="legend" role="group" aria-label="Lines shown">
        {lines.map(({ name, count, slot, points }) => (
          <button
            key={name}
            class="small"
            aria-pressed={slot !== undefined}
            disabled={isFull && slot === undefined}
            onClick={() => toggle(name)}
          >
            <svg width="18" height="8" aria-hidden="true">
              {slot !== undefined && <path class={`line part p${slot}`} d="M0,4H18" />}
            </svg>{' '}
            {name} {count < FEWEST ? '–' : share(points.at(-1)?.value)}
          </button>
        ))}
      </div>
      <p class="note">
        Each is recent among its own examples, so one with few of them moves later; below {FEWEST}{' '}
        it has no percentage.
      </p>
    </>
  )
}
