import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import { openLocalRegistry, type LocalRegistryOptions } from '../../src/versions/local/local.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { rejection } from '../coded.ts'
import { newestFirst } from '../../src/versions/order.ts'
import { registryConformance } from '../conformance/registry.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { plainBundle, plainOrigin, plainVersion } from './plain-bundle.mjs'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }

async function open(folder: string, options: Partial<LocalRegistryOptions> = {}) {
  const registry = await openLocalRegistry({
    ...plainOrigin,
    folder,
    bundle: plainBundle,
    clock: systemClock,
    log: silent,
    pollMs: 5,
    ...options,
  })
  onTestFinished(() => registry.close())
  return registry
}

registryConformance('local', () => {
  const folder = scratchFolder()
  return { open: (remembered = {}) => open(folder, { remembered }), version: plainVersion }
})

const by = { reason: 'test', by: 'trainer' } as const

test('a version that is made again after a crash is the same one, whatever it cost this time', async () => {
  const registry = await open(scratchFolder())
  const { manifest, parameters } = plainVersion('v1')
  const costing = (cpu_seconds: number) => ({
    manifest: { ...manifest, compute: { cpu_seconds, evaluation_cpu_seconds: 0 } },
    parameters,
  })
  const first = await registry.publish(costing(1))
  expect(await registry.publish(costing(2))).toEqual(first)
  expect((await registry.load('v1')).manifest.compute?.cpu_seconds).toBe(1)
})

test('what was written here a moment ago is not read back before it is live, unless it was touched', async () => {
  const folder = scratchFolder()
  let reads = 0
  const read: typeof plainBundle.read = (...of) => {
    reads += 1
    return plainBundle.read(...of)
  }
  const registry = await open(folder, { bundle: { ...plainBundle, read } })
  await registry.publish(plainVersion('v1'))
  await registry.point({ version: 'v1', expect: 0, ...by })
  expect(reads).toBe(1)
  await registry.publish(plainVersion('v2'))
  appendFileSync(join(folder, 'versions', 'v2', 'adapter_model.bin'), 'x')
  const error = await rejection(registry.point({ version: 'v2', expect: 1, ...by }))
  expect(error.code).toBe('VERSION_CORRUPT')
})

describe('a version folder that was altered', () => {
  const files = ['manifest.json', 'adapter_config.json', 'adapter_model.bin']

  test.each(files)('with one bit of %s flipped is refused by name and never live', async (file) => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    const path = join(folder, 'versions', 'v1', file)
    const whole = readFileSync(path)
    for (const at of [0, Math.floor(whole.length / 2), whole.length - 2]) {
      const torn = Buffer.from(whole)
      torn[at] = torn[at]! ^ 1
      writeFileSync(path, torn)
      const error = await rejection(registry.load('v1'))
      expect([error.code, error.details.version, error.details.file]).toEqual([
        'VERSION_CORRUPT',
        'v1',
        file,
      ])
      const move = registry.point({ version: 'v1', expect: 0, ...by })
      expect((await rejection(move)).code).toBe('VERSION_CORRUPT')
    }
    expect(await registry.live()).toBeUndefined()
    writeFileSync(path, whole)
    await registry.load('v1')
  })

  test.each(files)('without %s is refused by name', async (file) => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    rmSync(join(folder, 'versions', 'v1', file))
    const error = await rejection(registry.load('v1'))
    expect([error.code, error.details.file]).toEqual(['VERSION_CORRUPT', file])
  })

  test.each(files)('with %s cut short or longer is refused by name', async (file) => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    const path = join(folder, 'versions', 'v1', file)
    const whole = readFileSync(path)
    appendFileSync(path, 'x')
    expect((await rejection(registry.load('v1'))).details.file).toBe(file)
    writeFileSync(path, whole.subarray(0, -3))
    expect((await rejection(registry.load('v1'))).details.file).toBe(file)
  })

  test('is whole again when the same content is published again', async () => {
    const folder = scratchFolder()
    const registry = await open(folder)
    const { digest } = await registry.publish(plainVersion('v1'))
    for (const file of files) {
      writeFileSync(join(folder, 'versions', 'v1', file), 'torn')
      expect((await registry.publish(plainVersion('v1'))).digest).toBe(digest)
      await registry.load('v1')
    }
  })

  test('is left out of the list, with a warning, and the others stay in it', async () => {
    const folder = scratchFolder()
    const warned: string[] = []
    const log = {
      ...silent,
      warn: (_details: object, message: string) => void warned.push(message),
    }
    const registry = await open(folder, { log })
    await registry.publish(plainVersion('v1'))
    await registry.publish(plainVersion('v2'))
    writeFileSync(join(folder, 'versions', 'v1', 'manifest.json'), '{}')
    expect((await registry.list()).map(({ manifest }) => manifest.version)).toEqual(['v2'])
    expect(warned).toHaveLength(1)
    expect((await registry.keep({ last: 1 }, [])).removed).toEqual([])
  })

  test('by a manifest that names a file elsewhere does not make it read there', async () => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    const path = join(folder, 'versions', 'v1', 'manifest.json')
    const text = readFileSync(path, 'utf8').replace('adapter_config.json', '../../registry.db')
    writeFileSync(path, text)
    expect((await rejection(registry.load('v1'))).message).toMatch(/manifest.json: \/files/)
  })

  test('by one word of its manifest is refused', async () => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    const path = join(folder, 'versions', 'v1', 'manifest.json')
    const text = readFileSync(path, 'utf8')
    for (const [said, altered] of [
      ['"positive"', '"excellent"'],
      ['"events": 16', '"events": 17'],
      ['"parent": null', '"parent": "v0"'],
    ] as const) {
      writeFileSync(path, text.replace(said, altered))
      expect((await rejection(registry.load('v1'))).message).toMatch(/digest is of another content/)
    }
  })

  test('by a copy under another name is refused', async () => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    cpSync(join(folder, 'versions', 'v1'), join(folder, 'versions', 'v2'), { recursive: true })
    expect((await rejection(registry.load('v2'))).message).toMatch(/the manifest of v1/)
  })

  test('while it is live can be left for another', async () => {
    const folder = scratchFolder()
    const registry = await open(folder)
    await registry.publish(plainVersion('v1'))
    await registry.publish(plainVersion('v2'))
    await registry.point({ version: 'v2', expect: 0, ...by })
    rmSync(join(folder, 'versions', 'v2', 'adapter_model.bin'))
    const pointer = await registry.point({ version: 'v1', expect: 1, ...by })
    expect([pointer.live.version, pointer.previous]).toEqual(['v1', 'v2'])
  })
})

test.each([
  ['model', { model: 'other' }],
  ['base', { base: { name: 'use-lite', hash: 'c'.repeat(64) } }],
  ['task', { task: 'ranking' }],
])('a version of another %s is foreign', async (field, options) => {
  const folder = scratchFolder()
  const registry = await open(folder)
  await registry.publish(plainVersion('v1'))
  const other = await open(folder, options)
  const work = [
    () => other.load('v1'),
    () => other.point({ version: 'v1', expect: 0, ...by }),
    () => other.publish(plainVersion('v2')),
  ]
  for (const attempt of work) {
    const error = await rejection(attempt())
    expect([error.code, error.details.field]).toEqual(['VERSION_FOREIGN', field])
  }
  expect(await registry.live()).toBeUndefined()
})

test('a manifest that is none is a mistake of ours and publishes nothing', async () => {
  const folder = scratchFolder()
  const registry = await open(folder)
  const version = plainVersion('v1')
  const wrong = { ...version, manifest: { ...version.manifest, events: -1 } }
  await expect(registry.publish(wrong)).rejects.toThrow('invariant: manifest/events')
  expect(readdirSync(join(folder, 'versions'))).toEqual([])
})

test('opening sweeps what dead processes left, and not what the living are writing', async () => {
  const folder = scratchFolder()
  const versions = join(folder, 'versions')
  mkdirSync(join(versions, '.tmp-4194305-1-v1'), { recursive: true })
  writeFileSync(join(versions, '.tmp-4194305-1-v1', 'adapter_model.bin'), 'half')
  mkdirSync(join(versions, `.tmp-${process.ppid}-1-v2`))
  const registry = await open(folder)
  expect(readdirSync(versions)).toEqual([`.tmp-${process.ppid}-1-v2`])
  expect(await registry.list()).toEqual([])
})

test('a removal that a crash interrupted is finished by whoever opens next', async () => {
  const folder = scratchFolder()
  const registry = await open(folder)
  await registry.publish(plainVersion('v1'))
  await registry.publish(plainVersion('v2'))
  const path = join(folder, 'versions', 'v1')
  cpSync(path, join(folder, 'saved'), { recursive: true })
  await registry.keep({ last: 1 }, [])
  // As if the process had died between writing the removal down and doing it.
  renameSync(join(folder, 'saved'), path)
  expect((await rejection(registry.load('v1'))).code).toBe('VERSION_REMOVED')
  const next = await open(folder)
  expect(existsSync(path)).toBe(false)
  expect((await rejection(next.load('v1'))).code).toBe('VERSION_REMOVED')
})

test('a pinned version stays until it is unpinned', async () => {
  const folder = scratchFolder()
  const registry = await open(folder)
  await registry.publish(plainVersion('v1'))
  await registry.publish(plainVersion('v2'))
  await registry.pin('v1')
  expect(await (await open(folder)).pins()).toEqual(['v1'])
  expect((await registry.keep({ last: 1 }, [])).removed).toEqual([])
  await registry.unpin('v1')
  expect((await registry.keep({ last: 1 }, [])).removed).toEqual(['v1'])
  expect((await rejection(registry.pin('v1'))).code).toBe('VERSION_REMOVED')
  expect((await rejection(registry.pin('v9'))).code).toBe('VERSION_UNKNOWN')
})

test('the reason of a move is kept printable and short', async () => {
  const registry = await open(scratchFolder())
  await registry.publish(plainVersion('v1'))
  const reason = `bad\0 batch\n${'x'.repeat(5000)}`
  const pointer = await registry.point({ version: 'v1', expect: 0, reason, by: 'rollback' })
  expect(pointer.reason).toMatch(/^bad {2}batch x+$/)
  expect(pointer.reason.length).toBeLessThanOrEqual(2000)
  expect(await registry.live()).toEqual(pointer)
})

test('a watcher that fails is reported and harms nobody', async () => {
  const reported: string[] = []
  const log = {
    ...silent,
    error: (_details: object, message: string) => void reported.push(message),
  }
  const registry = await open(scratchFolder(), { log, pollMs: 100_000 })
  await registry.publish(plainVersion('v1'))
  await registry.point({ version: 'v1', expect: 0, ...by })
  const seen: number[] = []
  registry.watch(() => {
    throw new Error('no')
  })
  registry.watch((pointer) => {
    seen.push(pointer.generation)
    // A callback that looks again is not called inside of itself.
    registry.wake()
  })
  registry.wake()
  registry.wake()
  expect([seen, reported.length]).toEqual([[1], 1])
})

test('the digest of a version does not depend on when it was published', async () => {
  const clock = (nowMs: number) => ({ ...systemClock, nowMs: () => nowMs })
  const [one, two] = [
    await open(scratchFolder(), { clock: clock(0) }),
    await open(scratchFolder(), { clock: clock(9e11) }),
  ]
  const first = await one.publish(plainVersion('v1'))
  const second = await two.publish(plainVersion('v1'))
  expect(first.created).not.toBe(second.created)
  expect({ ...first, created: '' }).toEqual({ ...second, created: '' })
})

describe('a version that is not finite', () => {
  const poisoned = (value: number) => {
    const version = plainVersion('v1')
    version.parameters.get('head.weight')!.data[5] = value
    return version
  }

  test.each([NaN, Infinity, -Infinity])('with %s in a tensor is not published', async (value) => {
    const registry = await open(scratchFolder())
    const error = await rejection(registry.publish(poisoned(value)))
    expect(error.code).toBe('VERSION_NOT_FINITE')
    expect(error.details).toMatchObject({ version: 'v1', tensor: 'head.weight' })
    expect(await registry.list()).toEqual([])
  })

  test('is not published with a score that is none, and no invariant breaks', async () => {
    const registry = await open(scratchFolder())
    const { manifest, parameters } = plainVersion('v1')
    const scores = { ...manifest.scores, loss: NaN }
    const error = await rejection(
      registry.publish({ manifest: { ...manifest, scores }, parameters }),
    )
    expect(error.code).toBe('VERSION_NOT_FINITE')
  })

  test('that lies in the folder with a right digest is neither loaded nor made live', async () => {
    const folder = scratchFolder()
    // Written by a release that did not look.
    const blind = { ...plainBundle, write: () => plainBundle.write(poisoned(NaN)) }
    await (await open(folder, { bundle: blind })).publish(plainVersion('v1'))
    const registry = await open(folder)
    expect((await rejection(registry.load('v1'))).code).toBe('VERSION_NOT_FINITE')
    const move = registry.point({ version: 'v1', expect: 0, ...by })
    expect((await rejection(move)).code).toBe('VERSION_NOT_FINITE')
    expect(await registry.live()).toBeUndefined()
  })
})

test('what a server answers with keeps its bytes, wherever the pointer is', async () => {
  const folder = scratchFolder()
  const server = await open(folder)
  const trainer = await open(folder)
  for (let number = 1; number <= 6; number += 1) {
    await trainer.publish(plainVersion(`v${number}`))
    await trainer.point({ version: `v${number}`, expect: number - 1, ...by })
    if (number === 2) server.answersWith('v2')
  }
  await expect.poll(() => existsSync(join(folder, 'answering'))).toBe(true)
  expect((await trainer.keep({ last: 1 }, [])).removed).toEqual(['v4', 'v3', 'v1'])
  await server.load('v2')
  server.answersWith('v6')
  await expect.poll(() => readFileSync(join(folder, 'answering'), 'utf8')).toBe('v6\n')
  expect((await trainer.keep({ last: 1 }, [])).removed).toEqual(['v2'])
})

test('a page has the newest of those with and without bytes together, by age, from any place on', async () => {
  const folder = scratchFolder()
  const registry = await open(folder)
  const names = ['v1', 'v2', 'v2-import', 'v10', 'v11', 'v9', 'v100', 'other', 'v10-import-2']
  for (const name of names) await registry.publish(plainVersion(name))
  await registry.point({ version: 'v1', expect: 0, reason: 'r', by: 'start' })
  await registry.keep({ last: 3 }, [])
  const sorted = newestFirst(names)
  const listed = async (count: number, before?: string) =>
    (await registry.list(count, before)).map(({ manifest }) => manifest.version)
  expect(await listed(100)).toEqual(sorted)
  expect((await registry.list(100)).filter(({ removed }) => removed)).toHaveLength(5)
  for (const [at, before] of sorted.entries())
    for (const count of [1, 2, 5])
      expect(await listed(count, before)).toEqual(sorted.slice(at + 1, at + 1 + count))
})

test('folders that came or went while no registry was open are found when one is opened', async () => {
  const folder = scratchFolder()
  const first = await open(folder)
  for (const name of ['v1', 'v2', 'v3']) await first.publish(plainVersion(name))
  const path = (name: string) => join(folder, 'versions', name)
  rmSync(path('v2'), { recursive: true })
  // Also of one that is open, a list says what is there.
  expect((await first.list()).map(({ manifest }) => manifest.version)).toEqual(['v3', 'v1'])
  await first.close()
  renameSync(path('v1'), path('v0'))
  const again = await open(folder)
  const corrupt = await again.list()
  expect(corrupt.map(({ manifest }) => manifest.version)).toEqual(['v3'])
  renameSync(path('v0'), path('v1'))
  await again.close()
  const last = await open(folder)
  expect((await last.list()).map(({ manifest }) => manifest.version)).toEqual(['v3', 'v1'])
})
