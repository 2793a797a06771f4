/**
 * Versions as folders that Hugging Face PEFT reads and writes. Import makes a version of one, and makes it live if requested; it writes
 * only to the registry, like a promotion by a person: the daemon, or the daemon of a fleet that trains the model, follows the live
 * pointer. So it works with and without running daemons.
 */
import { resolve } from 'node:path'
import { existsSync } from 'node:fs'
import { importTarget, withVersions, bundleFor, withLocalVersions } from '../../app/model.ts'
import type { Routing } from '../../versions/contract.ts'
import type { HeadKind } from '../../versions/import/head-choice.ts'
import type { ImportResult } from '../../versions/service.ts'
import type { ConfigFlags } from '../flags.ts'
import { print } from '../print.ts'
import { readConfig, modelNamed } from '../read-config.ts'
import { folderOf } from '../../config/model-parts.ts'
import { failure } from '../../platform/errors.ts'
import { checkNewFolder } from '../../versions/export.ts'

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
  await withVersions(config, model, async (versions, base) => {
    const target = importTarget(config, model, base)
    const imported = await versions.importFolder(resolve(folder), target, flags)
    const { version, reason } = imported.version.manifest
    const moved =
      flags.promote === true && (await versions.move({ version, reason, by: 'promote' }))
    show(flags, imported, moved ? moved.routing : undefined)
  })
}

function show(
  { json }: ImportFlags,
  { version: { manifest }, idle }: ImportResult,
  live: Routing | undefined,
): void {
  const { model, version, digest, facts, parent, reason } = manifest
  const generation = live?.generation ?? null
  const answer = { model, version, digest, ...facts, parent, reason, idle, generation }
  print(json, answer, () => [
    `${version} of ${model}: ${reason}`,
    ...idle.map((module) => `  left out: ${module}, which no answer reads, with B = 0`),
    live === undefined
      ? `  not live yet: antikythera promote --version ${version} --reason …`
      : `  live from now on (generation ${live.generation}); the trainer continues from it`,
  ])
}

export interface ExportFlags extends ConfigFlags {
  readonly model?: string
  readonly version?: string
  readonly to: string
  readonly json?: boolean
}

export async function exportVersion(flags: ExportFlags): Promise<void> {
  const folder = resolve(flags.to)
  checkNewFolder(folder)
  const config = readConfig(flags)
  const model = modelNamed(config, flags.model)
  if (!existsSync(folderOf(config, model)))
    throw failure(
      'VERSION_UNKNOWN',
      `${model} has not published a version in ${config.data_dir} yet`,
    )
  const { version, files } = await withLocalVersions(config, model, async (versions, base) => {
    const name = flags.version ?? (await versions.live())?.live.version
    if (name === undefined) throw failure('VERSION_UNKNOWN', `${model} has no live version yet`)
    return versions.exportTo(folder, name, bundleFor(base, config))
  })
  const { version: name, digest } = version.manifest
  print(flags.json, { model, version: name, digest, folder, files }, () => [
    `${name} of ${model} is in ${folder}: ${files.join(', ')}`,
  ])
}
