/** How good the answers were that the live version has served: by stratum, slice and source, and what was said in place of what. */
import { short, table } from '../print.ts'
import type { SliceGap } from '../../contracts/release.ts'
import { gapText } from './gap-text.ts'

interface Part {
  readonly name: string
  readonly count: number
  readonly error: number
}

/** Served answers in the daemon's description of a model. */
export interface Served {
  readonly count: number
  readonly error: number
  readonly parts?: {
    readonly strata: readonly Part[]
    readonly slices: readonly Part[]
    readonly sources: readonly Part[]
    readonly slice_gap?: SliceGap
    readonly confusion: readonly {
      readonly said: string
      readonly right: string
      readonly count: number
    }[]
  }
}

/** More do not fit on a screen; `--json` has all. */
const MOST = 10

export function servedLines(served: Served | undefined): string[] {
  if (served === undefined) return []
  const {
    strata = [],
    slices = [],
    sources = [],
    confusion = [],
    slice_gap: gap,
  } = served.parts ?? {}
  const wrong = confusion.filter(({ said, right }) => said !== right).slice(0, MOST)
  const parts = [
    ...partRows('stratum', strata),
    ...partRows('slice', slices),
    ...partRows('source', sources),
  ]
  return [
    `answers that the live version has served: ${served.count} judged, error ${short(served.error)}`,
    ...table([['by', 'name', 'judged', 'error'], ...parts]),
    ...(gap === undefined ? [] : [gapText(gap)]),
    ...(wrong.length === 0
      ? []
      : ['', ...table([['said', 'right', 'times'], ...wrong.map(confusedRow)])]),
    '',
  ]
}

function partRows(by: string, parts: readonly Part[]): string[][] {
  return parts
    .slice(0, MOST)
    .map(({ name, count, error }) => [by, name, String(count), short(error)])
}

function confusedRow({ said, right, count }: { said: string; right: string; count: number }) {
  return [said, right, String(count)]
}
