/**
 * Computes a version of a closed form again from the events that it has learned, and compares: the digest of its sums must
 * be the same to the bit, whatever their order; its head nearly, because its solution is rounded. Plain loops solve it, without the
 * engine that made the version. The format of the digest is in deploy/verify.md.
 */
import { open, rm } from 'node:fs/promises'
import { viewOf } from '../../adapters/view.ts'
import { withLocalVersions } from '../../app/model.ts'
import type { Config } from '../../config/config.ts'
import { modelOf, openTask } from '../../config/model-parts.ts'
import { pluginsOf } from '../../config/plugins/own-plugins.ts'
import type { Base } from '../../contracts/base.ts'
import type { CodedError, Tensors } from '../../contracts/core.ts'
import { solvedHead, sumColumnsOf } from '../../optim/heads/solved-head.ts'
import { independentColumns } from '../../optim/heads/independent-columns.ts'
import { ExactSums } from '../../optim/heads/exact-sums.ts'
import { wholeFeatures } from '../../optim/heads/whole-features.ts'
import { failure, invariant } from '../../platform/errors.ts'
import type { Version } from '../../versions/contract.ts'
import type { ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'
import { modelNamed, readConfig } from '../read-config.ts'
import {
  eventsIn,
  headerOf,
  lineOf,
  loggedEvents,
  type SaidLabels,
  type SummedEvent,
} from './summed-events.ts'

export interface VerifyFlags extends ConfigFlags {
  readonly model?: string
  readonly version?: string
  /** A file of events in place of the event log. */
  readonly events?: string
  /** A new file for the events. */
  readonly export?: string
  readonly json?: boolean
}

export async function verifyVersion(flags: VerifyFlags): Promise<void> {
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  await withLocalVersions(config, model, async (versions, base) => {
    const name = flags.version ?? (await versions.live())?.live.version
    if (name === undefined) throw failure('VERSION_UNKNOWN', `${model} has no live version yet`)
    const version = await versions.load(name)
    const parts = await openVersion(config, model, base, version)
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

type VerifiedVersion = Awaited<ReturnType<typeof openVersion>>

async function openVersion(config: Config, model: string, base: Base, version: Version) {
  const { manifest, parameters } = version
  const { version: name, sums, adapter, facts } = manifest
  const unknown = (why: string) =>
    failure('SUMS_UNKNOWN', `${name} of ${model} cannot be computed again: ${why}`)
  if (sums === undefined) throw unknown('it was not made from exact sums')
  if (sums.digest === undefined) throw unknown('its sums began in an earlier release')
  if (sums.divided > 0)
    throw failure(
      'SUMS_DIVIDED',
      `${name} of ${model} cannot be computed again: ${sums.divided} of its ${sums.examples} examples only rule out an answer, and their shares depend on the order`,
    )
  const method = pluginsOf(config).methods[adapter.method]
  const closedForm = method?.open(adapter).closedForm
  invariant(method !== undefined && closedForm !== undefined, 'a closed form')
  const task = openTask(modelOf(config, model), config.limits, pluginsOf(config))
  const seen = viewOf(base, method, adapter, task.reads)
  const whole = wholeFeatures(seen)
  if (whole?.identity !== sums.identity)
    throw failure('SUMS_FOREIGN', `the sums of ${name} are over another base or projection`)
  const head = task.headOf(facts)
  const claimed = { ...sums, digest: sums.digest }
  const labels = task.classes?.names(head) ?? []
  return {
    ...{ config, model, name, adapter, parameters, closedForm, task, whole, head, claimed },
    base: seen,
    inputs: (seen.network.projection?.of ?? seen.network).width,
    labels,
    /** Of the columns of its sums. */
    names: sumColumnsOf(task).names(labels),
    lines: manifest.shards ?? [{ model, version: name }],
  }
}

/** Sums the events; writes them to `path`, if there is one. */
async function summed(
  events: AsyncIterable<readonly SummedEvent[]>,
  parts: VerifiedVersion,
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
        block.map(({ said, weight }, at) => ({
          whole: rows[at] ?? { numbers: new Int16Array(), clipped: 0 },
          ...sharesSaid(said, weight, parts),
        })),
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

function sharesSaid(said: SaidLabels, weight: number, parts: VerifiedVersion) {
  const { labels, task } = parts
  const columns = (names: readonly string[]) =>
    names.map((name) => {
      const at = labels.indexOf(name)
      if (at < 0) throw differs(parts, `an event has the label ${name}, which it lacks`)
      return at
    })
  if ('label' in said === (task.areIndependent === true))
    throw differs(
      parts,
      `an event says ${Object.keys(said).join(' and ')}, which is of another task`,
    )
  if ('label' in said) return { shares: new Map(columns([said.label]).map((at) => [at, weight])) }
  const known =
    'labels' in said
      ? ({ yes: columns(said.labels), no: 'others' } as const)
      : { yes: columns(said.yes), no: columns(said.no) }
  return { shares: independentColumns.shares(known, weight), weight }
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

function compare(sums: ExactSums, parts: VerifiedVersion, isLog: boolean): void {
  const { claimed, names, parameters, model, name } = parts
  const { examples } = sums.facts
  if (isLog && examples !== claimed.examples)
    throw failure(
      'SUMS_UNKNOWN',
      `the event log has ${examples} examples of ${name} of ${model}, which has learned ${claimed.examples}: its line began again without what came before, or a defence changed their weights`,
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

function differs(
  { model, name }: Pick<VerifiedVersion, 'model' | 'name'>,
  why: string,
): CodedError {
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
