import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
} from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { nativeReminder, nativeReport, nativeStep } from '../../deploy/bootstrap/native.mjs'
import { places } from '../../deploy/bootstrap/places.mjs'
import { setUp } from '../../deploy/bootstrap/set-up.mjs'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import type { NativeRecord } from '../../src/platform/native.ts'
import { makeCheckout, real, type Checkout } from './checkout.ts'

/** The record of the real set-up and every real binding with its size: none of it may change under these tests. */
function realState(): string[] {
  const cached = join(real.cache, 'native')
  const files = existsSync(cached) ? readdirSync(cached, { recursive: true, encoding: 'utf8' }) : []
  return [
    readRecord(),
    ...files.map((name) => `${name} ${String(lstatSync(join(cached, name)).size)}`),
  ]
}

const before = realState()
afterAll(() => {
  expect(realState()).toEqual(before)
})

/** A checkout with all the real packages but tfjs-node's binding, and a PATH that has no pip and no compiler. */
function bareCheckout(env: NodeJS.ProcessEnv = {}): Checkout {
  const checkout = makeCheckout({ PATH: '', CXX: '', ...env })
  const { nodeModules, tfjsNode } = checkout.places
  mkdirSync(tfjsNode, { recursive: true })
  const linkAll = (from: string, to: string, names: string[]): void => {
    for (const name of names) symlinkSync(join(from, name), join(to, name))
  }
  linkAll(join(real.nodeModules, '@tensorflow'), join(nodeModules, '@tensorflow'), [
    'tfjs-core',
    'tfjs-backend-wasm',
    'tfjs-backend-cpu',
  ])
  checkout.write(
    'node_modules/@tensorflow/tfjs-node/package.json',
    JSON.stringify({ version: '4.22.0' }),
  )
  checkout.write(
    'node_modules/@tensorflow/tfjs-node/scripts/install.js',
    "throw new Error('getaddrinfo ENOTFOUND prebuilt.invalid')",
  )
  checkout.write(join('cache', 'antikythera', 'one-dnn.json'), JSON.stringify(measured))
  return checkout
}

/** Of this processor, so that nothing is measured again. */
const measured = { on: false, processor: cpus()[0]?.model, on_ms: 2, off_ms: 1 }

test('without pip and compiler it is WebAssembly, and the warning says why and how to mend it', async () => {
  const checkout = bareCheckout()
  await setUp([nativeStep], checkout)
  const report = nativeReport(checkout.places)
  expect(report).toMatchObject({
    stage: 'wasm',
    proof: { product: [19, 22, 43, 50], backend: 'wasm' },
  })
  expect(report.reason).toContain('missing: pip, g++')
  const warning = checkout.said.find((text) => text.includes('NO NATIVE TENSORFLOW')) ?? ''
  expect(warning).toContain('apt-get install python3-pip g++')
  expect(warning).toContain('Official prebuilt of tfjs-node: Error: getaddrinfo ENOTFOUND')
})

test('WebAssembly is remembered with a reminder, and tried again when asked or when the tools changed', async () => {
  const checkout = bareCheckout()
  await setUp([nativeStep], checkout)
  expect(nativeReminder(checkout.places)).toContain('npx antikythera setup')
  expect(nativeStep.done(checkout)).toBe(true)
  expect(nativeStep.done({ ...checkout, retry: true })).toBe(false)
  const path = join(checkout.places.root, 'tools')
  mkdirSync(path)
  symlinkSync('/bin/sh', join(path, 'g++'))
  const richer = { ...checkout.places, env: { ...checkout.places.env, PATH: path } }
  expect(nativeStep.done({ ...checkout, places: richer })).toBe(false)
})

test('ANTIKYTHERA_NATIVE=wasm hides what is built and touches none of it', async () => {
  const forced = places({ env: { ...real.env, ANTIKYTHERA_NATIVE: 'wasm' } })
  const before = readRecord()
  expect(await setUp([nativeStep], { ...makeCheckout(), places: forced })).toEqual([])
  expect(nativeReport(forced)).toMatchObject({
    stage: 'wasm',
    reason: 'ANTIKYTHERA_NATIVE=wasm asks for it',
  })
  expect(readRecord()).toBe(before)
})

test('native.json of this checkout says which TensorFlow is active, its version, why and how it was proven', () => {
  const record = recordOf(real)
  const { stage, tensorflow, reason } = nativeReport(real)
  expect(record).toMatchObject({ stage, tensorflow, reason, proof: { product: [19, 22, 43, 50] } })
})

test('it computes with oneDNN unless a step on this processor takes a tenth less without', async (context) => {
  const { one_dnn: choice } = recordOf(real)
  if (!choice) return context.skip('native TensorFlow is not set up: nothing was measured')
  expect(choice.on).toBe(choice.off_ms > 0.9 * choice.on_ms)
  const { arithmetic } = await openTensorFlow()
  expect(arithmetic).toContain(choice.on ? 'with oneDNN' : 'without oneDNN')
})

test('a build in the cache serves a second checkout at once, and a lost cache is noticed', async (context) => {
  const cached = join(real.cache, 'native')
  if (nativeReport(real).stage !== 'wheel' || !existsSync(cached)) {
    context.skip(
      'this machine has no build of its own in the cache, so that reusing one is not proven',
    )
  }
  const checkout = bareCheckout()
  linkFiles(cached, join(checkout.places.cache, 'native'))
  placeRealTfjsNode(checkout)
  await setUp([nativeStep], checkout)
  expect(nativeReport(checkout.places)).toMatchObject({
    stage: 'wheel',
    reason: 'it was built before and kept in the cache',
    proof: { backend: 'tensorflow' },
  })
  expect(recordOf(checkout.places)).toMatchObject({ one_dnn: measured })
  const elsewhere = { ...checkout.places, tfjsNode: join(checkout.places.root, 'gone') }
  expect(nativeReport(elsewhere)).toMatchObject({ stage: 'none' })
})

test('the official prebuilt has its turn without pip and compiler, and ends up in the cache', async (context) => {
  const built = join(real.cache, 'native')
  if (nativeReport(real).stage !== 'wheel' || !existsSync(built)) {
    context.skip('this machine has no build of its own that could stand in for the official one')
  }
  const checkout = bareCheckout()
  placeRealTfjsNode(checkout)
  const [folder] = readdirSync(built)
  linkFiles(join(built, folder ?? ''), join(checkout.places.root, 'download'))
  checkout.write(
    'node_modules/@tensorflow/tfjs-node/scripts/install.js',
    `const options = { recursive: true, verbatimSymlinks: true }
     require('node:fs').cpSync('../../../download', '.', options)`,
  )
  await setUp([nativeStep], checkout)
  expect(nativeReport(checkout.places)).toMatchObject({
    stage: 'official',
    reason: 'the official prebuilt was downloaded',
    proof: { backend: 'tensorflow' },
  })
  expect(readdirSync(join(checkout.places.cache, 'native')).join()).toMatch(/-official$/)
})

/** Links file by file, so that whatever the set-up removes here, the real cache stays whole. */
function linkFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkFiles(source, target)
    else symlinkSync(source, target)
  }
}

/** tfjs-node as it was published, without its binding, beside all other packages. */
function placeRealTfjsNode({ places: { nodeModules, tfjsNode } }: Checkout): void {
  cpSync(real.tfjsNode, tfjsNode, {
    recursive: true,
    filter: (path) => !path.startsWith(join(real.tfjsNode, 'lib')),
  })
  // Names with a dot are state, such as the record of the real set-up.
  for (const name of readdirSync(real.nodeModules).filter((name) => !name.startsWith('.'))) {
    if (!existsSync(join(nodeModules, name)))
      symlinkSync(join(real.nodeModules, name), join(nodeModules, name))
  }
  for (const name of readdirSync(join(real.nodeModules, '@tensorflow'))) {
    const path = join(nodeModules, '@tensorflow', name)
    if (!existsSync(path)) symlinkSync(join(real.nodeModules, '@tensorflow', name), path)
  }
}

function readRecord(): string {
  return readFileSync(join(real.state, 'native.json'), 'utf8')
}

function recordOf({ state }: typeof real): NativeRecord {
  return JSON.parse(readFileSync(join(state, 'native.json'), 'utf8')) as NativeRecord
}
