/** How good the answers were that the live version has served: by stratum, slice and source, and what was said in place of what. */
import { short, table } from '../print.ts'
import type { ServedScore } from '../../client/client.ts'
import { gapText } from './gap-text.ts'

type Part = NonNullable<ServedScore['parts']>['strata'][number]

/** More do not fit on a screen; `--json` has all. */
const MOST = 10

export function servedLines(served: ServedScore | undefined): string[] {
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
