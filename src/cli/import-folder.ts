/**
 * Makes a version of a folder that Hugging Face PEFT wrote, and lets it answer when that is asked for. It writes into the
 * registry and nowhere else, as a person's promotion does: the daemon, or whichever daemon of a fleet trains the model,
 * follows the live pointer. So it works beside running daemons, and without any.
 */
import { basename, resolve } from 'node:path'
import { viewOf } from '../adapters/view.ts'
import { adapterOf, labelsOf, methodOf, modelOf, openBase } from '../app/parts.ts'
import { tasks } from '../plugins.ts'
import { openSharedRegistry, share } from '../app/fleet.ts'
import type { Routing, Registry, Version } from '../versions/contract.ts'
import { systemClock } from '../platform/clock.ts'
import type { Config } from '../config/config.ts'
import { Closers } from '../platform/closers.ts'
import { failure } from '../platform/errors.ts'
import { openLog } from '../platform/log.ts'
import type { ConfigFlags } from './flags.ts'
import { draftImport, type Draft } from './import/draft.ts'
import { readPeftFiles } from './import/files.ts'
import type { HeadKind } from './import/head-choice.ts'
import { makeLive, publishImport } from './import/publish.ts'
import { modelNamed } from './model-named.ts'
import { print } from './print.ts'
import { readConfig } from './read-config.ts'

export interface ImportFlags extends ConfigFlags {
  readonly model?: string
  readonly head?: HeadKind
  readonly promote?: boolean
  readonly trustBase?: boolean
  readonly json?: boolean
}

export async function importFolder(folder: string, flags: ImportFlags): Promise<void> {
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  const path = resolve(folder)
  await withRegistry(config, model, async (registry) => {
    const { version: draft, idle } = await drafted(config, model, path, registry, flags)
    const version = await publishImport(registry, draft)
    const live = flags.promote === true ? await makeLive(registry, version) : undefined
    tell(flags, version, idle, live)
  })
}

async function withRegistry(
  config: Config,
  model: string,
  work: (registry: Registry) => Promise<void>,
): Promise<void> {
  const parts = { clock: systemClock, log: openLog({ level: 'warn' }) }
  const base = await openBase(modelOf(config, model).base)
  const closers = new Closers(parts.log)
  const atEnd = (close: () => Promise<void> | void) => {
    closers.add(close)
  }
  try {
    const sharing = await share(config, 'import', { ...parts, atEnd })
    if (sharing !== undefined && sharing.redis.status !== 'ready')
      throw failure('REDIS_UNAVAILABLE', 'Redis is away: the fleet’s versions are not known')
    const registry = await openSharedRegistry(config, model, base, { ...parts, sharing })
    await work(registry).finally(() => registry.close())
  } finally {
    await closers.close()
  }
}

async function drafted(
  config: Config,
  model: string,
  path: string,
  registry: Registry,
  { head, trustBase = false }: ImportFlags,
): Promise<Draft> {
  const settings = modelOf(config, model)
  const base = await openBase(settings.base)
  const [method, adapter] = [methodOf(settings), adapterOf(settings)]
  const pointer = await registry.live()
  return draftImport({
    model,
    folder: basename(path),
    files: await readPeftFiles(path),
    plan: {
      base: viewOf(base, method, adapter),
      method,
      task: tasks.classification,
      config: adapter,
      labels: labelsOf(settings).known,
    },
    base,
    config: settings,
    live: pointer && (await registry.load(pointer.live.version)),
    head,
    isTrusted: trustBase,
  })
}

function tell(
  { json }: ImportFlags,
  { manifest }: Version,
  idle: readonly string[],
  live: Routing | undefined,
): void {
  const { model, version, digest, labels, parent, reason } = manifest
  const generation = live?.generation ?? null
  const answer = { model, version, digest, labels, parent, reason, idle, generation }
  print(json, answer, () => [
    `${version} of ${model}: ${reason}`,
    ...idle.map((module) => `  left out: ${module}, which no answer reads and where B is 0`),
    live === undefined
      ? `  it does not answer yet: antikythera promote --version ${version} --reason …`
      : `  it answers from now on (generation ${live.generation}), and the trainer goes on from it`,
  ])
}
