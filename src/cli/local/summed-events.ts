/**
 * The events that a version of a closed form has learned: from the checkpoint's event log, or from a file that `antikythera verify`
 * has written; its format is in deploy/verify.md.
 */
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { cutOf } from '../../adapters/target-modules.ts'
import { EventLog } from '../../checkpoint/event-log/event-log.ts'
import { rowMarks } from '../../checkpoint/event-log/row-states.ts'
import { EventLogTable } from '../../checkpoint/event-log/table.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import type { Config } from '../../config/config.ts'
import { folderOf } from '../../config/model-parts.ts'
import type { AdapterConfig, ClosedForm, SumsReport } from '../../contracts/adapter.ts'
import type { Base } from '../../contracts/base.ts'
import type { Json } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Example, Head } from '../../contracts/example.ts'
import type { Task } from '../../contracts/task.ts'
import { hashOf } from '../../intake/dedupe/dedupe.ts'
import { hashesIn } from '../../intake/dedupe/seen-ids.ts'
import { fromHalves, toHalves } from '../../nn/containers/floats.ts'
import { openTrunkEngine } from '../../nn/onnx/trunk-engine.ts'
import type { WholeFeatures, WholeRow } from '../../optim/heads/whole-features.ts'
import { failure } from '../../platform/errors.ts'
import { openStore, type Store } from '../../platform/store/store.ts'

/** The version that is verified, and what its sums are over. */
export interface SummedVersion {
  readonly config: Config
  readonly model: string
  readonly name: string
  /** The event logs that have its events: its own, or those of the shards that it was merged from. */
  readonly lines: readonly { readonly model: string; readonly version: string }[]
  readonly adapter: AdapterConfig
  readonly closedForm: ClosedForm
  readonly task: Task
  /** As the adapter sees it. */
  readonly base: Base
  readonly whole: WholeFeatures
  /** Numbers of an embedding before it is projected. */
  readonly inputs: number
  readonly head: Head
  /** Of the outputs of the head. */
  readonly labels: readonly string[]
  /** What its manifest says. */
  readonly claimed: SumsReport
}

/** The label that is right; or, of independent labels, all that hold, or some that do and some that do not. */
export type SaidLabels =
  | { readonly label: string }
  | { readonly labels: readonly string[] }
  | { readonly yes: readonly string[]; readonly no: readonly string[] }

/** One event of a closed form: what it says, its weight, and its embedding in units of 2⁻¹². */
export interface SummedEvent {
  readonly source: string
  readonly id: string
  readonly said: SaidLabels
  readonly weight: number
  readonly row: WholeRow
}

const BLOCK = 256

export async function* loggedEvents(parts: SummedVersion): AsyncGenerator<readonly SummedEvent[]> {
  // A fresh adapter is in no log.
  if (parts.claimed.examples === 0) return
  for (const line of parts.lines) yield* eventsOf(line, parts)
}

async function* eventsOf(
  { model, version }: SummedVersion['lines'][number],
  { config, base, adapter, task, whole, head, labels, lines }: SummedVersion,
): AsyncGenerator<readonly SummedEvent[]> {
  const path = join(folderOf(config, model), 'state.db')
  if (!existsSync(path)) throw failure('SUMS_UNKNOWN', `${model} has no event log on this disk`)
  const store = openStore(path, { migrations: checkpointMigrations, readonly: true })
  const trunk = await openTrunkEngine(base, cutOf(adapter.tail_layers, base.network.layers))
  const eventOf = (example: Example, row: WholeRow): SummedEvent => {
    const { source, id, weight, target } = example
    return { source, id, said: saidBy(target, { task, head, labels }), weight, row }
  }
  const block = async (examples: readonly Example[]) => {
    const latents = await trunk.encode(examples.map(({ encoded }) => encoded))
    const rows = whole.inputs(config.trainer.latents === 'f16' ? latents.map(halved) : latents)
    return examples.map((example, at) => eventOf(example, rows[at] ?? noRow))
  }
  try {
    let waiting: Example[] = []
    for (const example of learnedBy(version, store, lines.length > 1)) {
      waiting.push(example)
      if (waiting.length < BLOCK) continue
      yield await block(waiting)
      waiting = []
    }
    if (waiting.length > 0) yield await block(waiting)
  } finally {
    await trunk.close()
    store.close()
  }
}

/** As a trainer with latents of half precision keeps it. */
function halved(latent: Latent): Latent {
  const halves = toHalves(latent.data)
  return halves === undefined ? latent : { ...latent, data: fromHalves(halves) }
}

function saidBy(
  target: Json,
  { task, head, labels }: Pick<SummedVersion, 'task' | 'head' | 'labels'>,
): SaidLabels {
  const named = (columns: readonly number[]) => columns.map((at) => labels[at] ?? '')
  const known = task.classes?.known?.(target, head)
  if (known === undefined)
    return { label: labels[task.classes?.columns(target, head)[0]?.at ?? -1] ?? '' }
  const { yes, no } = known
  return no === 'others' ? { labels: named(yes) } : { yes: named(yes), no: named(no) }
}

const noRow: WholeRow = { numbers: new Int16Array(), clipped: 0 }

/**
 * The examples that the version and its ancestors have learned, as far as the log has them. `isPart`: of several shards, one may
 * have learned nothing yet.
 */
function* learnedBy(version: string, store: Store, isPart: boolean): Generator<Example> {
  const table = new EventLogTable(store)
  const log = new EventLog({
    limits: { events: Infinity, bytes: Infinity },
    hashOf: (key) => [...hashesIn(hashOf(key))][0] ?? [0, 0, 0, 0],
    sizeOf: () => 0,
    isKnown: () => false,
    stored: table,
  })
  log.restore(table.load())
  const line = log.versions.lineOf(version)
  if (line.size === 0 && !isPart)
    throw failure('SUMS_UNKNOWN', `the event log does not know ${version}: its events have left it`)
  const rows = log.summedBy(version)
  if (log.untraced > 0)
    throw failure(
      'SUMS_TRIMMED',
      `${log.untraced} events that a version may have learned have left the event log`,
    )
  const gone = rows.filter((order) => log.has(order, rowMarks.erased)).length
  if (gone > 0)
    throw failure(
      'SUMS_TAKEN_OUT',
      `${gone} events of ${version} were retracted or forgotten since`,
    )
  yield* log.examplesOf(rows)
}

const FORMAT = 'antikythera-events-1'

export function headerOf({
  base,
  inputs,
  whole,
  closedForm,
  claimed,
  task,
  adapter,
  model,
  name,
}: SummedVersion): Json {
  const { projection, width, unit } = base.network
  const weight = projection && base.weights.get(projection.weight)
  return {
    ...{ format: FORMAT, model, version: name, identity: whole.identity },
    ...{ width, unit: whole.unit, moments: closedForm.needsMoments },
    ...(weight && {
      projection: { unit: projection.unit, inputs, whole: packed(weight.data) },
    }),
    adapter: adapter as Readonly<Record<string, Json>>,
    ...(task.areIndependent === true && { independent: true }),
    logit_scale: task.scale(unit),
    sums: { ...claimed },
  }
}

export function lineOf({ row, said, source, id, weight }: SummedEvent): Json {
  return { source, id, ...said, weight, x: packed(row.numbers) }
}

/** Whole numbers of 16 bits, low byte first. */
function packed(numbers: ArrayLike<number>): string {
  return Buffer.from(Int16Array.from(numbers).buffer).toString('base64')
}

export async function* eventsIn(
  path: string,
  { whole, inputs }: SummedVersion,
): AsyncGenerator<readonly SummedEvent[]> {
  let [number, block] = [0, [] as SummedEvent[]]
  for await (const text of createInterface({ input: createReadStream(path) })) {
    number += 1
    const refuse = (why: string) => failure('EVENTS_INVALID', `${path}, line ${number}: ${why}`)
    const line = parsed(text)
    if (number === 1) {
      if (line?.format !== FORMAT) throw refuse(`the format is not ${FORMAT}`)
      if (line.identity !== whole.identity)
        throw failure('SUMS_FOREIGN', `the events of ${path} are of another base or projection`)
      continue
    }
    const event = line && eventFrom(line)
    if (event?.row.numbers.length !== inputs)
      throw refuse(`no event with source, id, what it says, weight and ${inputs} numbers x`)
    block.push(event)
    if (block.length < BLOCK) continue
    yield block
    block = []
  }
  if (block.length > 0) yield block
}

type JsonObject = Readonly<Record<string, Json>>

function parsed(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return typeof value === 'object' && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

function eventFrom({ source, id, weight, x, ...rest }: JsonObject): SummedEvent | undefined {
  const said = saidIn(rest)
  if (typeof source !== 'string' || typeof id !== 'string' || said === undefined) return undefined
  if (typeof weight !== 'number' || !(weight > 0) || typeof x !== 'string') return undefined
  const bytes = new Uint8Array(Buffer.from(x, 'base64'))
  if (bytes.byteLength % 2 !== 0) return undefined
  const numbers = new Int16Array(bytes.buffer)
  return { source, id, said, weight, row: { numbers, clipped: 0 } }
}

function saidIn({ label, labels, yes, no }: JsonObject): SaidLabels | undefined {
  if (typeof label === 'string') return { label }
  if (areNames(labels)) return { labels }
  return areNames(yes) && areNames(no) ? { yes, no } : undefined
}

function areNames(value: Json | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}
