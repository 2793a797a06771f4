/** The versions of the registry that have learned from what is to be forgotten: their bytes must be removed. */
import { CodedError } from '../../contracts/core.ts'
import type { ListedVersion } from '../../versions/contract.ts'
import type { RestoreVersion } from './restore-version.ts'
import type { ForgetPlan } from './plan.ts'

const PAGE = 100

export async function taintedVersions(
  plan: ForgetPlan,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { versions } = parts.state.log
  const isTainted = ({ version, events }: ListedVersion['manifest']) =>
    // A version that the log does not know was published before its rows, or elsewhere.
    versions.idOf(version) === 0 ? plan.isBeyondLog && events > 0 : plan.isTainted(version)
  const found = new Set<string>()
  const imported: ListedVersion[] = []
  for await (const each of listed(parts, signal))
    if (isImport(each)) imported.push(each)
    else if (!each.removed && isTainted(each.manifest)) found.add(each.manifest.version)
  const isCopied = ({ manifest }: ListedVersion) =>
    isTainted(manifest) || (manifest.parent !== null && plan.isTainted(manifest.parent))
  for (const version of copied(imported, isCopied)) found.add(version)
  return [...found]
}

/** Of the versions that lose their bytes, those that a person has pinned. */
export async function pinnedOf(
  retiring: readonly string[],
  { loop, retry }: RestoreVersion,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (retiring.length === 0) return []
  const pins = await retry.run('reading the pins', () => loop.registry.pins(), signal)
  return retiring.filter((version) => pins.includes(version))
}

/** What was imported from versions that are gone, while the rest was learned again. */
export async function copiesOf(
  gone: readonly string[],
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const imported: ListedVersion[] = []
  for await (const each of listed(parts, signal)) if (isImport(each)) imported.push(each)
  return copied(imported, ({ manifest }) => gone.includes(manifest.parent ?? ''))
}

function isImport({ manifest }: ListedVersion): boolean {
  return manifest.decision === 'imported'
}

/** `imported`: the newest first. One may come from another. */
function copied(
  imported: readonly ListedVersion[],
  isCopied: (version: ListedVersion) => boolean,
): readonly string[] {
  const gone = new Set<string>()
  const found: string[] = []
  for (const each of imported.toReversed()) {
    const { version, parent } = each.manifest
    if (!isCopied(each) && !gone.has(parent ?? '')) continue
    gone.add(version)
    if (!each.removed) found.push(version)
  }
  return found
}

async function* listed(
  { loop, retry }: RestoreVersion,
  signal: AbortSignal,
): AsyncGenerator<ListedVersion> {
  for (let before: string | undefined; ;) {
    const list = () => loop.registry.list(PAGE, before)
    const page = await retry.run('listing versions', list, signal)
    yield* page
    before = page.at(-1)?.manifest.version
    if (page.length < PAGE || before === undefined) return
  }
}

/** Ancestors that the log does not know were published before all of its rows, or elsewhere. */
export const MOST_ANCESTORS = 1000

/** Whether a version, or the one that it was imported from, has learned what the request under way forgets. */
export async function hasLearnedForgotten(
  asked: string,
  parts: RestoreVersion,
  signal: AbortSignal,
): Promise<boolean> {
  const { forgetting, log } = parts.state
  const tainted = new Set(forgetting.tainted)
  if (tainted.size === 0) return false
  let version: string | null = asked
  for (let at = 0; at < MOST_ANCESTORS && version !== null; at += 1) {
    if (tainted.has(version)) return true
    const known = log.versions.ancestry(version)
    if (known.some((each) => tainted.has(each.version))) return true
    version = await parentOf(known.at(-1)?.version ?? version, parts, signal)
  }
  return false
}

export async function parentOf(version: string, parts: RestoreVersion, signal: AbortSignal) {
  const found = await find(version, parts, signal)
  return found?.manifest.parent ?? null
}

export async function isThere(version: string, parts: RestoreVersion, signal: AbortSignal) {
  return (await find(version, parts, signal))?.removed === false
}

async function find(version: string, { loop, retry }: RestoreVersion, signal: AbortSignal) {
  try {
    return await retry.run(`looking for ${version}`, () => loop.registry.find(version), signal)
  } catch (error) {
    if (error instanceof CodedError && error.code.startsWith('VERSION_')) return undefined
    throw error
  }
}
