/**
 * Computes a version of a closed form again from the events that it has learned, and compares: the digest of its sums must
 * be the same to the bit, whatever the order and the machine; its head nearly, because its solution is rounded. The events come from the
 * checkpoint's event log, or from a file that this command has written; the format of the file and of the digest is in deploy/verify.md.
 */
import { createReadStream, existsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { cutOf } from '../../adapters/target-modules.ts'
import { viewOf } from '../../adapters/view.ts'
import { withLocalVersions } from '../../app/model.ts'
import { EventLog } from '../../checkpoint/event-log/event-log.ts'
import { EventLogTable } from '../../checkpoint/event-log/table.ts'
import { checkpointMigrations } from '../../checkpoint/schema.ts'
import type { Config } from '../../config/config.ts'
import { folderOf, modelOf, openTask } from '../../config/model-parts.ts'
import { pluginsOf } from '../../config/plugins/own-plugins.ts'
import type { Base } from '../../contracts/base.ts'
import type { CodedError, Json, Tensors } from '../../contracts/core.ts'
import type { Latent } from '../../contracts/network.ts'
import type { Example } from '../../contracts/example.ts'
import { hashOf } from '../../intake/dedupe/dedupe.ts'
import { hashesIn } from '../../intake/dedupe/seen-ids.ts'
import { fromHalves, toHalves } from '../../nn/containers/floats.ts'
import { openTrunkEngine } from '../../nn/onnx/trunk-engine.ts'
import { openTensorFlow } from '../../nn/tfjs/tensorflow.ts'
import { BaseTensors } from '../../optim/engines/eager-pass.ts'
import { solvedHead } from '../../optim/heads/closed-form.ts'
import { ExactSums } from '../../optim/heads/exact-sums.ts'
import { wholeFeatures, type WholeRow } from '../../optim/heads/whole-features.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import type { Version } from '../../versions/contract.ts'
import type { ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'
import { modelNamed, readConfig } from '../read-config.ts'

export interface VerifyFlags extends ConfigFlags {
  readonly model?: string
  readonly version?: string
  /** A file of events in place of the event log. */
  readonly events?: string
  /** A new file for the events. */
  readonly export?: string
  readonly json?: boolean
}

/** One event of a closed form: its label, its weight, and its embedding in units of 2⁻¹². */
interface SummedEvent {
  readonly source: string
  readonly id: string
  readonly label: string
  readonly weight: number
  readonly row: WholeRow
}

export async function verifyVersion(flags: VerifyFlags): Promise<void> {
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  await withLocalVersions(config, model, async (versions, base) => {
    const name = flags.version ?? (await versions.live())?.live.version
    if (name === undefined) throw failure('VERSION_UNKNOWN', `${model} has no live version yet`)
    const version = await versions.load(name)
    const parts = await openParts(config, model, base, version)
    const { digest, examples } = parts.claimed
    const events = flags.events === undefined ? loggedEvents(parts) : eventsIn(flags.events, parts)
    const found = await summed(events, parts, flags.export)
    compare(found, parts, flags.events === undefined)
    print(flags.json, { model, version: name, equal: true, digest, examples }, () => [
      `${name} of ${model} is what its ${examples} examples give: the digest of its sums and its head are equal`,
      `  sha256 ${digest}`,
    ])
  })
}

type Parts = Awaited<ReturnType<typeof openParts>>

async function openParts(config: Config, model: string, base: Base, version: Version) {
  const { manifest, parameters } = version
  const { version: name, sums, adapter, facts } = manifest
  const unknown = (why: string) =>
    failure('SUMS_UNKNOWN', `${name} of ${model} cannot be computed again: ${why}`)
  if (sums === undefined) throw unknown('it was not made from exact sums')
  if (sums.digest === undefined) throw unknown('its sums began in an earlier release')
  if (sums.divided > 0)
    throw unknown(
      `${sums.divided} of its ${sums.examples} examples only rule out an answer, and their shares depend on the order`,
    )
  const method = pluginsOf(config).methods[adapter.method]
  const closedForm = method?.open(adapter).closedForm
  invariant(method !== undefined && closedForm !== undefined, 'a closed form')
  const seen = viewOf(base, method, adapter)
  const task = openTask(modelOf(config, model), config.limits, pluginsOf(config))
  const { tf } = await openTensorFlow({ threads: 1 })
  const whole = wholeFeatures({ tf, base: seen, baseTensors: new BaseTensors(tf, seen) })
  if (whole?.identity !== sums.identity)
    throw failure('SUMS_FOREIGN', `the sums of ${name} are over another base or projection`)
  const head = task.headOf(facts)
  const claimed = { ...sums, digest: sums.digest }
  return {
    ...{ config, model, name, adapter, parameters, closedForm, task, tf, whole, head, claimed },
    base: seen,
    /** Numbers of an embedding before it is projected. */
    inputs: (seen.network.projection?.of ?? seen.network).width,
    names: task.classes?.names(head) ?? [],
  }
}

/** Sums the events; writes them to `path`, if there is one. */
async function summed(
  events: AsyncIterable<readonly SummedEvent[]>,
  parts: Parts,
  path: string | undefined,
): Promise<ExactSums> {
  const { closedForm, whole, base, names } = parts
  const sums = new ExactSums({ ...whole, ...closedForm, width: base.network.width }, names.length)
  const file = path === undefined ? undefined : await newFile(path)
  try {
    await file?.write(`${JSON.stringify(headerOf(parts))}\n`)
    for await (const block of events) {
      const rows = whole.of(block.map(({ row }) => row))
      sums.addAll(
        block.map(({ label, weight }, at) => {
          const column = names.indexOf(label)
          if (column < 0) throw differs(parts, `an event has the label ${label}, which it lacks`)
          return {
            whole: rows[at] ?? { numbers: new Float64Array(), clipped: 0 },
            shares: new Map([[column, weight]]),
          }
        }),
      )
      for (const event of block) await file?.write(`${JSON.stringify(lineOf(event))}\n`)
    }
  } catch (error) {
    // A file with some of the events would look whole.
    if (path !== undefined && file !== undefined) await rm(path)
    throw error
  } finally {
    await file?.close()
  }
  return sums
}

async function newFile(path: string): ReturnType<typeof open> {
  try {
    return await open(path, 'wx')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why =
      code === 'EEXIST' ? 'already exists' : `cannot be written (${code ?? String(cause)})`
    throw failure('USAGE', `${path} ${why}`, { details: { path }, cause })
  }
}

function compare(sums: ExactSums, parts: Parts, isLog: boolean): void {
  const { claimed, names, parameters, model, name } = parts
  const { examples } = sums.facts
  if (isLog && examples !== claimed.examples)
    throw failure(
      'SUMS_UNKNOWN',
      `the event log has ${examples} examples of ${name} of ${model}, which has learned ${claimed.examples}: others were retracted, replaced or forgotten since or are too old, or its line began again without what came before`,
    )
  if (examples !== claimed.examples)
    throw differs(parts, `${examples} events are there, and it has learned ${claimed.examples}`)
  const digest = sums.digest(names)
  if (digest !== claimed.digest)
    throw differs(
      parts,
      `the sums of its events have the digest ${digest}, and it says ${claimed.digest}`,
    )
  const head = examples === 0 ? undefined : solvedHead(sums, { ...parts, inverse: claimed.scale })
  if (head !== undefined && !isNear(head, parameters))
    throw differs(parts, 'its head is not the solution of its sums')
}

function differs({ model, name }: Pick<Parts, 'model' | 'name'>, why: string): CodedError {
  return failure('SUMS_DIFFER', `${name} of ${model} is not what its events give: ${why}`)
}

/** Engines and processors round a solution differently. */
const TOLERANCE = 1e-3

function isNear(found: Tensors, stored: Tensors): boolean {
  return [...found].every(([name, { data }]) => {
    const other = stored.get(name)?.data
    if (other?.length !== data.length) return false
    const most = data.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0)
    return data.every((value, at) => Math.abs(value - (other[at] ?? NaN)) <= TOLERANCE * most)
  })
}

// ── Events from the event log ──

const BLOCK = 256

async function* loggedEvents(parts: Parts): AsyncGenerator<readonly SummedEvent[]> {
  const { config, model, name, base, adapter, task, whole, head, names, claimed } = parts
  // A fresh adapter is in no log.
  if (claimed.examples === 0) return
  const path = join(folderOf(config, model), 'state.db')
  if (!existsSync(path)) throw failure('SUMS_UNKNOWN', `${model} has no event log on this disk`)
  const store = openStore(path, { migrations: checkpointMigrations, readonly: true })
  const trunk = await openTrunkEngine(base, cutOf(adapter.tail_layers, base.network.layers))
  const eventOf = (example: Example, row: WholeRow): SummedEvent => {
    const { source, id, weight, target } = example
    const label = names[task.classes?.columns(target, head)[0]?.at ?? -1] ?? ''
    return { source, id, label, weight, row }
  }
  const block = async (examples: readonly Example[]) => {
    const latents = await trunk.encode(examples.map(({ encoded }) => encoded))
    const rows = whole.inputs(config.trainer.latents === 'f16' ? latents.map(halved) : latents)
    return examples.map((example, at) => eventOf(example, rows[at] ?? noRow))
  }
  try {
    let waiting: Example[] = []
    for (const example of learnedBy(name, store)) {
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

const noRow: WholeRow = { numbers: new Float64Array(), clipped: 0 }

/** The examples that the version and its ancestors have learned, as far as the log has them. */
function* learnedBy(version: string, store: Store): Generator<Example> {
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
  if (line.size === 0)
    throw failure('SUMS_UNKNOWN', `the event log does not know ${version}: its events have left it`)
  for (const { order, example } of log.rows())
    if (example !== undefined && example.weight > 0 && log.isLearnedBy(line, order)) yield example
}

// ── Events as a file ──

const FORMAT = 'antikythera-events-1'

function headerOf({
  base,
  inputs,
  whole,
  closedForm,
  claimed,
  task,
  adapter,
  model,
  name,
}: Parts): Json {
  const { projection, width, unit } = base.network
  const weight = projection && base.weights.get(projection.weight)
  return {
    ...{ format: FORMAT, model, version: name, identity: whole.identity },
    ...{ width, unit: whole.unit, moments: closedForm.needsMoments },
    ...(weight && {
      projection: { unit: projection.unit, inputs, whole: packed(weight.data) },
    }),
    adapter: adapter as Readonly<Record<string, Json>>,
    logit_scale: task.scale(unit),
    sums: { ...claimed },
  }
}

function lineOf({ row, ...event }: SummedEvent): Json {
  return { ...event, x: packed(row.numbers) }
}

/** Whole numbers of 16 bits, low byte first. */
function packed(numbers: ArrayLike<number>): string {
  return Buffer.from(Int16Array.from(numbers).buffer).toString('base64')
}

async function* eventsIn(
  path: string,
  { whole, inputs }: Parts,
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
      throw refuse(`no event with source, id, label, weight and ${inputs} numbers x`)
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

function eventFrom({ source, id, label, weight, x }: JsonObject): SummedEvent | undefined {
  if (typeof source !== 'string' || typeof id !== 'string' || typeof label !== 'string')
    return undefined
  if (typeof weight !== 'number' || !(weight > 0) || typeof x !== 'string') return undefined
  const bytes = new Uint8Array(Buffer.from(x, 'base64'))
  if (bytes.byteLength % 2 !== 0) return undefined
  const numbers = Float64Array.from(new Int16Array(bytes.buffer))
  return { source, id, label, weight, row: { numbers, clipped: 0 } }
}
