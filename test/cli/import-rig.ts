/** Adapters that the real PEFT trained on the tiny BERT (test/reference/real-peft.py), and models to import them into. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, inject, type TestContext } from 'vitest'
import { peftPython } from '../../deploy/bootstrap/peft.mjs'
import { modelOf, openBase } from '../../src/config/model-parts.ts'
import { openRegistry } from '../../src/app/model.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { methods, tasks } from '../../src/plugins.ts'
import type { Version } from '../../src/versions/contract.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openLog } from '../../src/platform/log.ts'
import { openServingEngine } from '../../src/serving/engine/engine.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

export const tinyBert = fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url))

export const labels = ['bad', 'good']

export interface PeftRow {
  readonly text: string
  readonly embedding: readonly number[]
  readonly logits?: readonly number[]
}

export function needsPeft(context: TestContext): void {
  if (peftPython() === undefined)
    context.skip('Hugging Face PEFT is not installed (node deploy/bootstrap/main.mjs --all)')
}

/**
 * Adapters that PEFT trains for the tests of this file, which are skipped where it is not installed. Answers the folder of a
 * case by its name, once tests run. `names` are all that the file needs; without, every case.
 */
export function casesOfPeft(...names: readonly string[]): (name: string) => string {
  let folder = ''
  beforeAll(async () => {
    if (peftPython() === undefined) return
    folder = mkdtempSync(join(tmpdir(), 'antikythera-peft-'))
    await peft('train', folder, ...names)
  }, 300_000)
  afterAll(() => {
    if (folder !== '') rmSync(folder, { recursive: true })
  })
  beforeEach(needsPeft)
  return (name) => join(folder, name)
}

/** What the real PEFT answers with an adapter of ours. */
export async function openedByPeft(adapter: string): Promise<readonly PeftRow[]> {
  return peft('open', adapter)
}

/** The embeddings of pairs of texts, each [ids, place of the second text], with an adapter of ours. */
export async function pairsByPeft(adapter: string, rows: readonly (readonly [number[], number])[]) {
  return peft<readonly number[]>('pairs', adapter, JSON.stringify(rows))
}

/** The logits of each position of our token classifier, and of what PEFT made of it in `<adapter>-on`. */
export async function classifiedByPeft(adapter: string) {
  const rows = await peft<Required<Pick<PeftRow, 'text' | 'logits'>>>('classify', adapter)
  return { before: rows.slice(0, rows.length / 2), after: rows.slice(rows.length / 2) }
}

/** What the Python of an exported folder's README.md prints, with the folder `base` for the name `hub`. */
export async function printedByReadme(folder: string, hub: string, base: string) {
  return peft<string>('snippet', folder, hub, base)
}

/** Asks the one PEFT of this run. */
async function peft<Row = PeftRow>(...args: readonly string[]): Promise<readonly Row[]> {
  const asking = connect(inject('peftSocket'))
  asking.write(`${JSON.stringify(args)}\n`)
  let text = ''
  for await (const chunk of asking) text += String(chunk)
  const answer = JSON.parse(text) as { rows?: readonly Row[]; error?: string }
  if (answer.rows === undefined) throw new Error(answer.error)
  return answer.rows
}

/** What PEFT answers with the adapter in that folder. */
export function rowsOf(adapter: string): readonly PeftRow[] {
  return JSON.parse(readFileSync(`${adapter}.json`, 'utf8')) as readonly PeftRow[]
}

/** A config in a folder of its own; the adapter, more of the model, more at the top and other labels, in YAML. */
export function configFor(
  adapter: string,
  rest = '',
  top = '',
  known = `[${labels.join()}]`,
): string {
  const path = join(scratchFolder(), 'antikythera.yaml')
  const model = `{ base: { bert: ${JSON.stringify(tinyBert)} }, labels: ${known}, adapter: ${adapter}${rest} }`
  writeFileSync(path, `server: { port: 0 }\nlog: { level: warn }\n${top}models: { m: ${model} }\n`)
  return path
}

/** Runs the command; answers what it printed as JSON, error or not. */
export async function imported(config: string, folder: string, ...flags: readonly string[]) {
  const { code, stdout, stderr } = await runCli(
    ...['import', folder, '--config', config, '--json'],
    ...flags,
  )
  const answer: unknown = JSON.parse(code === 0 ? stdout : stderr)
  return { code, ...(answer as { readonly error?: { readonly message: string } }) }
}

export async function inRegistry(config: string, version: string): Promise<Version> {
  const loaded = loadConfig(config)
  const base = await openBase(modelOf(loaded, 'm').base)
  const parts = { clock: systemClock, log: openLog({ level: 'silent' }) }
  const registry = await openRegistry(loaded, 'm', base, parts)
  return registry.load(version).finally(() => registry.close())
}

/** As the server computes them. */
export async function servedLogits(version: Version, texts: readonly string[]) {
  const base = await openBase({ bert: tinyBert })
  const rows = texts.map((text) => base.encode({ kind: 'text', text }, 64))
  return servedRows(base, version, rows)
}

async function servedRows(base: Base, version: Version, encoded: readonly EncodedRow[]) {
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  await engine.load('v', version)
  const logits = await engine.run(encoded.map((row) => ({ adapter: 'v', encoded: row })))
  await engine.close()
  return logits.map((row) => [...row])
}

/** The same, with a head that passes the embedding through. */
export async function servedEmbeddings(version: Version, texts: readonly string[]) {
  const base = await openBase({ bert: tinyBert })
  const rows = texts.map((text) => base.encode({ kind: 'text', text }, 64))
  return embeddingsOf(base, version, rows)
}

export async function embeddingsOf(base: Base, version: Version, rows: readonly EncodedRow[]) {
  const { width, unit } = base.network
  const names = Array.from({ length: width }, (_, at) => `e${at}`)
  const weight = new Float32Array(width * width)
  for (let at = 0; at < width; at += 1)
    weight[at * width + at] = 1 / tasks.classification.scale(unit)
  const parameters = new Map(version.parameters)
    .set('head.weight', { shape: [width, width], data: weight })
    .set('head.bias', { shape: [width], data: new Float32Array(width) })
  const passing = { manifest: { ...version.manifest, facts: { labels: names } }, parameters }
  return servedRows(base, passing, rows)
}
