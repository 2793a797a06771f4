/**
 * What every registry must do. `make` gives a way to open it, also several times over the same versions, as the trainer
 * and each server do; `version` makes a version of a name, of another content for another `value`.
 */
import { describe, expect, it } from 'vitest'
import type { Routing, Registry, Version } from '../../src/versions/contract.ts'
import { rejection } from '../coded.ts'

export interface MadeRegistry {
  open(remembered?: { readonly pins?: number }): Promise<Registry>
  version(name: string, value?: number): Version
  close?(): Promise<void> | void
}

export function registryConformance(
  name: string,
  make: () => Promise<MadeRegistry> | MadeRegistry,
): void {
  const check = (title: string, work: (made: MadeRegistry, registry: Registry) => Promise<void>) =>
    it(title, async () => {
      const made = await make()
      const registry = await made.open()
      await work(made, registry).finally(async () => {
        await registry.close()
        await made.close?.()
      })
    })
  const by = { reason: 'test', by: 'trainer' } as const

  describe(`registry ${name}`, () => {
    check('loads what was published, bit for bit, also elsewhere', async (made, registry) => {
      const version = made.version('v0', 0.1)
      const manifest = await registry.publish(version)
      const other = await made.open()
      for (const reader of [registry, other]) {
        const loaded = await reader.load('v0')
        expect(loaded.manifest).toEqual(manifest)
        expect(loaded.parameters).toEqual(version.parameters)
      }
      await other.close()
    })

    check('completes the manifest and keeps the rest of it', async (made, registry) => {
      const {
        format,
        digest: _digest,
        files: _files,
        created: _created,
        ...draft
      } = made.version('v0').manifest
      const manifest = await registry.publish({ ...made.version('v0'), manifest: draft })
      expect(manifest.digest).toMatch(/^[0-9a-f]{64}$/)
      expect(Object.keys(manifest.files).length).toBeGreaterThan(0)
      const { digest, files, created } = manifest
      expect(manifest).toEqual({ ...draft, format, digest, files, created })
      expect(await registry.manifest('v0')).toEqual(manifest)
    })

    check('knows who moved the pointer, also elsewhere', async (made, registry) => {
      await registry.publish(made.version('v0'))
      const move = { version: 'v0', reason: 'r' } as const
      await registry.point({ ...move, by: 'promote', actor: 'anna', expect: 0 })
      await registry.point({ ...move, by: 'trainer', expect: 1 })
      const other = await made.open()
      for (const reader of [registry, other])
        expect((await reader.history(2)).map(({ actor }) => actor)).toEqual([undefined, 'anna'])
      await other.close()
    })

    check('never aliases tensors', async (made, registry) => {
      const version = made.version('v0')
      await registry.publish(version)
      const before = structuredClone(version.parameters)
      for (const { data } of version.parameters.values()) data.fill(9)
      const once = await registry.load('v0')
      for (const { data } of once.parameters.values()) data.fill(7)
      const again = await registry.load('v0')
      expect(again.parameters).toEqual(before)
    })

    check('publishing the same content again is a success', async (made, registry) => {
      const first = await registry.publish(made.version('v0'))
      expect(await registry.publish(made.version('v0'))).toEqual(first)
      expect(await registry.list()).toEqual([{ manifest: first, removed: false }])
    })

    check('another content under a taken name is refused', async (made, registry) => {
      const first = await registry.publish(made.version('v0', 1))
      const error = await rejection(registry.publish(made.version('v0', 2)))
      expect(error.code).toBe('VERSION_EXISTS')
      expect(await registry.manifest('v0')).toEqual(first)
    })

    check('names what it does not know', async (_made, registry) => {
      for (const version of ['v9', '../v9', '', 'V9', 'v'.repeat(65)]) {
        expect((await rejection(registry.load(version))).code).toBe('VERSION_UNKNOWN')
        expect((await rejection(registry.manifest(version))).code).toBe('VERSION_UNKNOWN')
        const move = registry.point({ version, expect: 0, ...by })
        expect((await rejection(move)).code).toBe('VERSION_UNKNOWN')
      }
      expect(await registry.live()).toBeUndefined()
      expect(await registry.list()).toEqual([])
      expect(await registry.history(10)).toEqual([])
    })

    check('lists the newest first, as many as asked for', async (made, registry) => {
      for (const version of ['v0', 'v9', 'v9-import', 'v10', 'v9-import-2', 'v2'])
        await registry.publish(made.version(version))
      const names = async (count?: number) =>
        (await registry.list(count)).map(({ manifest }) => manifest.version)
      const all = ['v10', 'v9-import-2', 'v9-import', 'v9', 'v2', 'v0']
      expect(await names()).toEqual(all)
      expect(await names(2)).toEqual(['v10', 'v9-import-2'])
      // The same of those whose bytes were removed.
      await registry.keep({ last: 1 }, [])
      expect(await names()).toEqual(all)
      expect(await names(3)).toEqual(all.slice(0, 3))
    })

    check('lists what is older than a version, which need not exist', async (made, registry) => {
      const all = ['v11', 'v10', 'v9-import', 'v9', 'v2', 'v0']
      for (const version of all.toReversed()) await registry.publish(made.version(version))
      const page = async (count: number, before?: string) =>
        (await registry.list(count, before)).map(({ manifest }) => manifest.version)
      for (const kept of [6, 1]) {
        await registry.keep({ last: kept }, [])
        expect(await page(2)).toEqual(['v11', 'v10'])
        expect(await page(2, 'v10')).toEqual(['v9-import', 'v9'])
        expect(await page(2, 'v9')).toEqual(['v2', 'v0'])
        expect(await page(2, 'v0')).toEqual([])
        expect(await page(9, 'v9-import-2')).toEqual(['v9-import', 'v9', 'v2', 'v0'])
        expect(await page(1, 'v3')).toEqual(['v2'])
      }
    })

    check('finds one version by its key', async (made, registry) => {
      const manifest = await registry.publish(made.version('v0'))
      await registry.publish(made.version('v1'))
      expect(await registry.find('v0')).toEqual({ manifest, removed: false })
      await registry.keep({ last: 1 }, [])
      expect(await registry.find('v0')).toEqual({ manifest, removed: true })
      for (const version of ['v9', '../v0', ''])
        expect((await rejection(registry.find(version))).code).toBe('VERSION_UNKNOWN')
    })

    check('answers the history in pages', async (made, registry) => {
      await registry.publish(made.version('v0'))
      for (let expected = 0; expected < 5; expected += 1)
        await registry.point({ version: 'v0', expect: expected, ...by })
      const page = async (count: number, before?: number) =>
        (await registry.history(count, before)).map(({ generation }) => generation)
      expect(await page(2)).toEqual([5, 4])
      expect(await page(2, 4)).toEqual([3, 2])
      expect(await page(2, 2)).toEqual([1])
      expect(await page(2, 1)).toEqual([])
    })

    check('moves the pointer and remembers every move', async (made, registry) => {
      const [v0, v1] = [
        await registry.publish(made.version('v0')),
        await registry.publish(made.version('v1')),
      ]
      const first = await registry.point({ version: 'v0', expect: 0, reason: 'a', by: 'start' })
      expect(first).toMatchObject({
        live: { version: 'v0', digest: v0.digest },
        generation: 1,
        previous: null,
      })
      const second = await registry.point({ version: 'v1', expect: 1, reason: 'b', by: 'trainer' })
      expect(second).toMatchObject({
        live: { version: 'v1', digest: v1.digest },
        generation: 2,
        previous: 'v0',
      })
      const other = await made.open()
      expect(await other.live()).toEqual(second)
      expect(await other.history(10)).toEqual([second, first])
      expect(await other.history(1)).toEqual([second])
      await other.close()
    })

    check('routes to a canary and a shadow, until a move names none', async (made, registry) => {
      const [, v1, v2] = await Promise.all(
        ['v0', 'v1', 'v2', 'v3'].map((name) => registry.publish(made.version(name))),
      )
      const first = await registry.point({
        ...{ version: 'v0', expect: 0, ...by },
        canary: { version: 'v1', share: 0.1 },
        shadow: 'v2',
      })
      expect(first).toMatchObject({
        live: { version: 'v0' },
        canary: { version: 'v1', digest: v1!.digest, share: 0.1 },
        shadow: { version: 'v2', digest: v2!.digest },
      })
      const other = await made.open()
      expect(await other.live()).toEqual(first)
      expect((await registry.keep({ last: 1 }, [])).removed).toEqual([])
      for (const { version } of [first.live, first.canary!, first.shadow!])
        await other.load(version)
      const second = await registry.point({ version: 'v1', expect: 1, ...by })
      expect(second).not.toHaveProperty('canary')
      expect(second).not.toHaveProperty('shadow')
      expect(await other.live()).toEqual(second)
      expect(await other.history(10)).toEqual([second, first])
      expect((await registry.keep({ last: 1 }, [])).removed).toEqual(['v2'])
      await other.close()
    })

    check('a move that keeps the live version keeps the one before it', async (made, registry) => {
      for (const name of ['v0', 'v1', 'v2']) await registry.publish(made.version(name))
      const first = await registry.point({ version: 'v0', expect: 0, ...by })
      const again = await registry.point({ version: 'v0', expect: 1, ...by })
      expect([first.previous, again.previous]).toEqual([null, null])
      await registry.point({ version: 'v1', expect: 2, ...by })
      const canary = { version: 'v2', share: 0.1 }
      const trial = await registry.point({ version: 'v1', canary, expect: 3, ...by })
      expect(trial.previous).toBe('v0')
      expect((await registry.point({ version: 'v2', expect: 4, ...by })).previous).toBe('v1')
    })

    check('a routing that contradicts itself changes nothing', async (made, registry) => {
      for (const name of ['v0', 'v1']) await registry.publish(made.version(name))
      const move = { version: 'v0', expect: 0, ...by }
      const shares = [0, 1, -0.1, 2, NaN].map((share) => ({ canary: { version: 'v1', share } }))
      const twice = [
        { canary: { version: 'v0', share: 0.5 } },
        { shadow: 'v0' },
        { canary: { version: 'v1', share: 0.5 }, shadow: 'v1' },
      ]
      for (const wrong of [...shares, ...twice])
        expect((await rejection(registry.point({ ...move, ...wrong }))).code).toBe(
          'ROUTING_INVALID',
        )
      for (const unknown of [{ canary: { version: 'v9', share: 0.5 } }, { shadow: 'v9' }])
        expect((await rejection(registry.point({ ...move, ...unknown }))).code).toBe(
          'VERSION_UNKNOWN',
        )
      expect(await registry.live()).toBeUndefined()
    })

    check('a move from a generation that has passed changes nothing', async (made, registry) => {
      await registry.publish(made.version('v0'))
      await registry.publish(made.version('v1'))
      const live = await registry.point({ version: 'v0', expect: 0, ...by })
      for (const expected of [0, 2, -1]) {
        const error = await rejection(registry.point({ version: 'v1', expect: expected, ...by }))
        expect([error.code, error.retriable]).toEqual(['GENERATION_STALE', true])
      }
      expect(await registry.live()).toEqual(live)
    })

    check('of moves at the same time from the same generation one wins', async (made, registry) => {
      await registry.publish(made.version('v0'))
      const other = await made.open()
      const moves = Array.from({ length: 8 }, (_, index) =>
        (index % 2 === 0 ? registry : other).point({ version: 'v0', expect: 0, ...by }),
      )
      const results = await Promise.allSettled(moves)
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect((await other.live())?.generation).toBe(1)
      await other.close()
    })

    check(
      'tells a watcher where the pointer is and each place it comes to',
      async (made, registry) => {
        await registry.publish(made.version('v0'))
        await registry.publish(made.version('v1'))
        await registry.point({ version: 'v0', expect: 0, ...by })
        const other = await made.open()
        const seen = watching(other)
        expect((await seen.until(1)).live.version).toBe('v0')
        await registry.point({ version: 'v1', expect: 1, ...by })
        expect((await seen.until(2)).live.version).toBe('v1')
        seen.stop()
        await registry.point({ version: 'v0', expect: 2, ...by })
        const own = watching(registry)
        await own.until(3)
        expect(seen.generations).toEqual([1, 2])
        await other.close()
      },
    )

    check('keeps the newest, and never removes what must stay', async (made, registry) => {
      for (let index = 0; index < 8; index += 1) await registry.publish(made.version(`v${index}`))
      await registry.point({ version: 'v1', expect: 0, ...by })
      await registry.point({ version: 'v2', expect: 1, ...by })
      expect([...(await registry.keep({ last: 2 }, ['v4'])).removed].sort()).toEqual([
        'v0',
        'v3',
        'v5',
      ])
      const list = await registry.list()
      const left = list.filter(({ removed }) => !removed).map(({ manifest }) => manifest.version)
      expect(left).toEqual(['v7', 'v6', 'v4', 'v2', 'v1'])
      expect(list).toHaveLength(8)
      for (const version of left) await registry.load(version)
      expect((await registry.keep({ last: 2 }, ['v4'])).removed).toEqual([])
    })

    check('says how much is left, and keeps the bytes in bounds', async (made, registry) => {
      for (let index = 0; index < 6; index += 1) await registry.publish(made.version(`v${index}`))
      const all = await registry.keep({ last: 6 }, [])
      expect(all).toMatchObject({ removed: [], versions: 6 })
      const each = all.bytes / 6
      expect(each).toBeGreaterThan(0)
      const some = await registry.keep({ last: 6, bytes: Math.ceil(3.5 * each) }, ['v0'])
      expect([...some.removed].sort()).toEqual(['v1', 'v2', 'v3'])
      expect(some.versions).toBe(3)
      expect(Math.abs(some.bytes - 3 * each)).toBeLessThan(10)
      // The newest stays, however large it is, and so does what must.
      expect((await registry.keep({ last: 6, bytes: 1 }, ['v0'])).removed).toEqual(['v4'])
    })

    check('keeps by time what it would remove by count', async (made, registry) => {
      for (let index = 0; index < 4; index += 1) await registry.publish(made.version(`v${index}`))
      // All of one hour and one day, unless the test runs at midnight: the newest stands for them.
      const { removed } = await registry.keep({ last: 1, hourly: 5, daily: 5 }, [])
      expect(removed.length).toBeGreaterThanOrEqual(2)
      expect(removed).not.toContain('v3')
    })

    check('a pinned version keeps its bytes until it is unpinned', async (made, registry) => {
      for (const version of ['v0', 'v1', 'v2']) await registry.publish(made.version(version))
      await registry.pin('v0')
      await registry.pin('v0')
      const other = await made.open()
      expect((await registry.keep({ last: 1 }, [])).removed).toEqual(['v1'])
      expect(await other.pins()).toEqual(['v0'])
      expect((await rejection(registry.pin('v1'))).code).toBe('VERSION_REMOVED')
      expect((await rejection(registry.pin('v9'))).code).toBe('VERSION_UNKNOWN')
      await other.unpin('v0')
      await other.unpin('v0')
      expect(await other.pins()).toEqual([])
      await other.close()
    })

    check(
      'retire removes bytes for good, of pinned versions too, and none that is routed',
      async (made, registry) => {
        for (const version of ['v0', 'v1', 'v2', 'v3'])
          await registry.publish(made.version(version))
        await registry.pin('v0')
        await registry.point({ version: 'v1', expect: 0, ...by })
        await registry.point({ version: 'v2', expect: 1, ...by })
        const gone = await registry.retire(['v0', 'v1', 'v2'])
        expect([...gone].sort()).toEqual(['v0', 'v1'])
        const other = await made.open()
        for (const reader of [registry, other]) {
          for (const version of gone) {
            expect((await rejection(reader.load(version))).code).toBe('VERSION_REMOVED')
            expect((await reader.find(version)).removed).toBe(true)
          }
          expect((await reader.load('v2')).manifest.version).toBe('v2')
          expect((await reader.load('v3')).manifest.version).toBe('v3')
          expect(await reader.pins()).toEqual([])
        }
        // Asked again, it answers the same.
        expect([...(await registry.retire(['v0', 'v1']))].sort()).toEqual(['v0', 'v1'])
        await other.close()
      },
    )

    check('pins are bounded, and a pin that is there already is no further one', async (made) => {
      const registry = await made.open({ pins: 2 })
      for (const version of ['v0', 'v1', 'v2']) await registry.publish(made.version(version))
      await registry.pin('v0')
      await registry.pin('v1')
      expect((await rejection(registry.pin('v2'))).code).toBe('PINS_FULL')
      await registry.pin('v1')
      await registry.unpin('v0')
      await registry.pin('v2')
      expect(await registry.pins()).toEqual(['v1', 'v2'])
      await registry.close()
    })

    check('a removed version keeps its manifest and its name', async (made, registry) => {
      const manifest = await registry.publish(made.version('v0'))
      await registry.publish(made.version('v1'))
      expect((await registry.keep({ last: 1 }, [])).removed).toEqual(['v0'])
      const other = await made.open()
      expect(await other.manifest('v0')).toEqual(manifest)
      expect((await rejection(other.load('v0'))).code).toBe('VERSION_REMOVED')
      const move = other.point({ version: 'v0', expect: 0, ...by })
      expect((await rejection(move)).code).toBe('VERSION_REMOVED')
      expect((await rejection(other.publish(made.version('v0', 5)))).code).toBe('VERSION_EXISTS')
      await other.close()
    })

    check(
      'a removed version that is published again can be loaded again',
      async (made, registry) => {
        await registry.publish(made.version('v0'))
        await registry.publish(made.version('v1'))
        await registry.keep({ last: 1 }, [])
        await registry.publish(made.version('v0'))
        expect((await registry.load('v0')).manifest.version).toBe('v0')
        expect((await registry.list()).map(({ removed }) => removed)).toEqual([false, false])
      },
    )

    check('may be closed while it is watched', async (made) => {
      const registry = await made.open()
      const seen = watching(registry)
      await registry.close()
      seen.stop()
    })
  })
}

interface Watching {
  readonly generations: readonly number[]
  /** Resolves with the first pointer of this generation or a later one. */
  until(generation: number): Promise<Routing>
  stop(): void
}

function watching(registry: Registry): Watching {
  const seen: Routing[] = []
  let onPointer: () => void = () => {}
  const stop = registry.watch((pointer) => {
    seen.push(pointer)
    onPointer()
  })
  expect(seen).toEqual([])
  const reached = (generation: number) => seen.find((pointer) => pointer.generation >= generation)
  return {
    get generations() {
      return seen.map(({ generation }) => generation)
    },
    until: (generation) =>
      new Promise((resolve) => {
        onPointer = () => {
          const pointer = reached(generation)
          if (pointer !== undefined) resolve(pointer)
        }
        onPointer()
      }),
    stop,
  }
}
