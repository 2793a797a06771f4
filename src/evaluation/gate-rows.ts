/**
 * The rows on which a candidate and the live version are compared: bounded, and unchanged by a restart. Held-out rows,
 * which are never trained on, come first. If there are none, rows of the replay buffer are used: both versions may have
 * learned them, so they compare how well old skills are kept, and none belongs to the block that only the candidate
 * knows.
 */
import type { Base } from '../contracts/base.ts'
import type { RowOrigin, GoldenExample } from '../contracts/release.ts'
import type { Example, Target } from '../contracts/example.ts'
import { isRetraction, type FeedbackEvent, type Input } from '../contracts/event.ts'
import { CodedError, type ExampleKey } from '../contracts/core.ts'
import type { EncodedRow } from '../contracts/network.ts'
import type { PlacedRow, Task } from '../contracts/task.ts'

/** More rows add little precision, and each takes a forward pass. */
const MOST_REPLAYED = 200
const MOST_HELD_OUT = 1000

/** The most that evaluating a candidate may cost, as a fraction of the cost of learning it. */
const SHARE_OF_LEARNING = 0.2

interface GateRows {
  readonly from: RowOrigin
  readonly rows: readonly Example[]
}

/** `heldOut` comes in a random order that stays the same. */
export function gateRows(
  heldOut: readonly Example[],
  remembered: readonly Example[],
  block: readonly Example[],
): GateRows {
  if (heldOut.length > 0) return { from: 'held-out', rows: heldOut.slice(0, MOST_HELD_OUT) }
  const isNew = new Set(block.map(({ key }) => key))
  const rows = chosen(remembered.filter(({ key }) => !isNew.has(key)))
  return { from: rows.length > 0 ? 'replay' : 'none', rows }
}

/** What going forward costs, in any unit. */
export interface RowCost {
  /** A row below the cut: computed once. */
  readonly trunk: number
  /** A row above the cut, for each version. */
  readonly tail: number
  /** A row of a step, which goes forward and backward, in rows that go forward. */
  readonly step: number
  /** A pass above the cut before its first row, in rows: the operators have to be called, however few rows there are. */
  readonly start: number
}

/**
 * What a pass of TensorFlow through layers of tokens costs before its first row, in rows of a short text: measured at 8 to 15 on
 * `use-lite`. A head alone, and layers of numbers, are products of matrices.
 */
const PASS_START = 14

/** The weights of a layer of a transformer, in squares of its width. */
const SQUARES = 12

/** The cost of a row in layers: below the cut, and above it together with its outputs. A head is about a twentieth of a layer. */
export function rowCostOf({ network, rows }: Base, trunk: number): RowCost {
  const { layers, width, vocabulary } = network
  const outputs = vocabulary === undefined ? 0.05 : vocabulary.size / (SQUARES * width)
  // Backward there is the gradient of the activations alone, because most weights are frozen.
  const layered = rows === 'ids' && layers > trunk
  const [step, start] = layered ? [2, PASS_START] : [3, 0]
  return { trunk, tail: layers - trunk + outputs, step, start }
}

export interface UpdateSize {
  /** New examples. */
  readonly learned: number
  readonly steps: number
  /** Rows of all its steps, replayed ones too. */
  readonly rows: number
}

/** How many rows may go forward, in one pass, to evaluate a candidate: counted, so the same after a crash and on any machine. */
export function rowBudget({ learned, steps, rows }: UpdateSize, cost: RowCost | undefined): number {
  if (cost === undefined) return Infinity
  const { trunk, tail, step, start } = cost
  const update = step * (rows + start * steps) + (trunk / tail) * learned
  return Math.max(1, Math.floor(SHARE_OF_LEARNING * update - start))
}

/** The first `budget` rows, at least one: first those with the oldest answers. */
export function nextRows<Row>(
  rows: readonly Row[],
  budget: number,
  answeredBy: (row: Row) => number,
): readonly Row[] {
  return oldestFirst(rows, answeredBy).slice(0, Math.max(1, budget))
}

function oldestFirst<Row>(rows: readonly Row[], answeredBy: (row: Row) => number): readonly Row[] {
  const dated = rows.map((row) => ({ row, version: answeredBy(row) }))
  return dated.toSorted((one, other) => one.version - other.version).map(({ row }) => row)
}

interface Comparison<Row> {
  /** The candidate answers them. */
  readonly own: readonly Row[]
  /** Those of them that the live version answers as well, in a pass of its own. */
  readonly live: readonly Row[]
}

/**
 * The rows of a comparison. Most have an answer of the live version from when it was a candidate. Where so few have that
 * fewer rows could be compared otherwise, the live version answers now those that it never has.
 */
export function comparison<Row>(
  rows: readonly Row[],
  {
    budget,
    start,
    answeredBy,
    lacksLive,
  }: {
    readonly budget: number
    readonly start: number
    readonly answeredBy: (row: Row) => number
    readonly lacksLive: (row: Row) => boolean
  },
): Comparison<Row> {
  const sorted = oldestFirst(rows, answeredBy)
  const own = sorted.slice(0, Math.max(1, budget))
  const paired = own.filter((row) => !lacksLive(row)).length
  const both: Row[] = []
  let left = budget - start
  for (const row of sorted) {
    left -= lacksLive(row) ? 2 : 1
    if (left < 0) break
    both.push(row)
  }
  return both.length > paired ? { own: both, live: both.filter(lacksLive) } : { own, live: [] }
}

/** Evenly over all of them, in an order that does not depend on how they were loaded. */
function chosen(examples: readonly Example[]): readonly Example[] {
  const sorted = examples.toSorted((one, other) =>
    one.key < other.key ? -1 : Number(one.key > other.key),
  )
  return evenly(sorted, MOST_REPLAYED)
}

/** At most `count` of them, at equal distances: a list may be in the order of time. */
export function evenly<Item>(items: readonly Item[], count: number): readonly Item[] {
  if (items.length <= count) return items
  const step = items.length / count
  const places = Array.from({ length: count }, (_, at) => Math.floor(at * step))
  return places.flatMap((place) => items[place] ?? [])
}

/**
 * The examples of a file that must stay right, as rows that a candidate can answer. They are read like any event, so a
 * wrong line is found when the daemon starts or the config is checked, with its file and number.
 */
export interface GoldenRow {
  readonly file: string
  readonly line: number
  readonly example: Example
}

interface GoldenParts {
  readonly parse: (text: string) => FeedbackEvent
  /** Of a base that needs time for an input, before `encode`. */
  readonly prepare: (input: Input) => Promise<void> | undefined
  readonly encode: (input: Input, target: Target) => EncodedRow
  /** The target on the positions of that row. */
  readonly placed: (target: Target, of: PlacedRow) => Target
  readonly task: Pick<Task, 'target' | 'isTest' | 'start' | 'grown' | 'check'>
}

export async function goldenRows(
  examples: readonly GoldenExample[],
  parts: GoldenParts,
): Promise<readonly GoldenRow[]> {
  const rows: GoldenRow[] = []
  // One after the other: a base prepares a bounded number at once, and refuses more.
  for (const each of examples) {
    const { file, line } = each
    try {
      rows.push({ file, line, example: await exampleIn(each, parts) })
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      throw new CodedError('GOLDEN_INVALID', `${file}:${line}: ${error.message}`, {
        details: { file, line, code: error.code },
        cause: error,
      })
    }
  }
  return rows
}

async function exampleIn({ file, line, text }: GoldenExample, parts: GoldenParts) {
  const { parse, prepare, encode, placed, task } = parts
  const event = parse(text)
  if (event.input === undefined) throw unusable('it has no input')
  if (isRetraction(event.signal)) throw unusable('it takes something back')
  const said = task.target(event.signal, undefined, task.start)
  if (!task.isTest(said)) throw unusable('it does not say what is right')
  await prepare(event.input)
  const encoded = encode(event.input, said)
  const target = placed(said, { input: event.input, row: encoded })
  task.check(target, task.grown(task.start, [target]))
  // Never the key of an event: those are a source and an id.
  const key = `golden ${file}:${line}` as ExampleKey
  const { source, id, weight } = event
  return { key, source, id, weight, target, encoded } satisfies Example
}

function unusable(why: string): CodedError {
  return new CodedError('GOLDEN_INVALID', why)
}
