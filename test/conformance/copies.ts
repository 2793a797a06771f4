/**
 * What every keeper of checkpoint copies must do. `make` gives one, with ways to harm it; checkpoints up to `MAX_BYTES`.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, type TestContext } from 'vitest'
import type { CheckpointCopies } from '../../src/fleet/contract.ts'
import { rejection } from '../coded.ts'
import { leaseOf } from '../fleet/lease-of.ts'
import { scratchFolder } from '../scratch-folder.ts'

export const MAX_BYTES = 5 * 1024 * 1024

export interface MadeCopies {
  open(): Promise<CheckpointCopies>
  /** Everything is gone. */
  forget(): Promise<void>
  /** One bit of the copy of this model is another. */
  flip(model: string): Promise<void>
  /** A part of it is gone. */
  tear(model: string): Promise<void>
  close(): Promise<void>
}

export function copiesConformance(
  name: string,
  make: (context: TestContext) => Promise<MadeCopies>,
): void {
  const check = (
    title: string,
    work: (made: MadeCopies, copies: CheckpointCopies, folder: string) => Promise<void>,
  ) =>
    it(title, async (context) => {
      const made = await make(context)
      await work(made, await made.open(), scratchFolder()).finally(() => made.close())
    })
  const fileOf = (folder: string, bytes: number) => {
    const path = join(folder, `${bytes}.db`)
    writeFileSync(path, randomBytes(bytes))
    return path
  }

  describe(`copies ${name}`, () => {
    check(
      'come out as they went in, for another, whatever their size',
      async (made, copies, folder) => {
        const MiB = 1024 * 1024
        for (const [sequence, bytes] of [0, 1, MiB - 1, MiB, MiB + 1, MAX_BYTES].entries()) {
          const path = fileOf(folder, bytes)
          const head = await copies.put(leaseOf('m', 1), path, sequence)
          expect(head).toMatchObject({ epoch: 1, sequence, bytes })
          const other = await made.open()
          expect(await other.head('m')).toEqual(head)
          const out = join(folder, 'out.db')
          await other.get('m', head, out)
          expect(readFileSync(out).equals(readFileSync(path))).toBe(true)
        }
      },
    )

    check(
      'there is none of what was never copied, and each model has its own',
      async (_made, copies, folder) => {
        expect(await copies.head('m')).toBeUndefined()
        await copies.put(leaseOf('one', 1), fileOf(folder, 10), 1)
        expect(await copies.head('m')).toBeUndefined()
        await copies.put(leaseOf('m', 3), fileOf(folder, 20), 1)
        expect(await copies.head('one')).toMatchObject({ epoch: 1, bytes: 10 })
      },
    )

    check(
      'an older epoch is refused, also with a higher sequence',
      async (_made, copies, folder) => {
        const head = await copies.put(leaseOf('m', 2), fileOf(folder, 10), 1)
        const error = await rejection(copies.put(leaseOf('m', 1), fileOf(folder, 20), 99))
        expect(error.code).toBe('LEASE_LOST')
        expect(await copies.head('m')).toEqual(head)
      },
    )

    check(
      'an older sequence changes nothing, and neither does the same again',
      async (_made, copies, folder) => {
        const head = await copies.put(leaseOf('m', 1), fileOf(folder, 10), 5)
        expect(await copies.put(leaseOf('m', 1), fileOf(folder, 20), 4)).toEqual(head)
        expect(await copies.put(leaseOf('m', 1), fileOf(folder, 30), 5)).toEqual(head)
      },
    )

    check('a later epoch wins with a lower sequence', async (_made, copies, folder) => {
      await copies.put(leaseOf('m', 1), fileOf(folder, 10), 50)
      const head = await copies.put(leaseOf('m', 2), fileOf(folder, 20), 3)
      expect(head).toMatchObject({ epoch: 2, sequence: 3, bytes: 20 })
    })

    check('a lease in doubt copies nothing', async (_made, copies, folder) => {
      const lost = new Error('in doubt')
      const lease = {
        ...leaseOf('m', 1),
        check: () => {
          throw lost
        },
      }
      await expect(copies.put(lease, fileOf(folder, 10), 1)).rejects.toBe(lost)
      expect(await copies.head('m')).toBeUndefined()
    })

    check(
      'a lease that is lost on the way leaves the copy before',
      async (_made, copies, folder) => {
        const head = await copies.put(leaseOf('m', 1), fileOf(folder, 10), 1)
        let checks = 0
        const lease = {
          ...leaseOf('m', 1),
          check: () => {
            checks += 1
            if (checks > 3) throw new Error('in doubt')
          },
        }
        await expect(copies.put(lease, fileOf(folder, MAX_BYTES), 2)).rejects.toThrow('in doubt')
        expect(await copies.head('m')).toEqual(head)
      },
    )

    check('one that is too large is refused whole', async (_made, copies, folder) => {
      const head = await copies.put(leaseOf('m', 1), fileOf(folder, 10), 1)
      const error = await rejection(copies.put(leaseOf('m', 1), fileOf(folder, MAX_BYTES + 1), 2))
      expect(error).toMatchObject({ code: 'COPY_TOO_LARGE', details: { bytes: MAX_BYTES + 1 } })
      expect(await copies.head('m')).toEqual(head)
    })

    check(
      'a flipped bit and a missing part are found, and nothing is written',
      async (made, copies, folder) => {
        for (const [sequence, harm] of [made.flip, made.tear].entries()) {
          const head = await copies.put(leaseOf('m', 1), fileOf(folder, 3 * 1024 * 1024), sequence)
          await harm('m')
          const out = join(folder, 'state.db')
          writeFileSync(out, 'before')
          expect((await rejection(copies.get('m', head, out))).code).toBe('STORE_CORRUPT')
          expect(readFileSync(out, 'utf8')).toBe('before')
          expect(readdirSync(folder).filter((each) => each.startsWith('.tmp'))).toEqual([])
        }
      },
    )

    check(
      'a copy that was replaced or forgotten meanwhile can be asked for again',
      async (made, copies, folder) => {
        const old = await copies.put(leaseOf('m', 1), fileOf(folder, 10), 1)
        await copies.put(leaseOf('m', 1), fileOf(folder, 20), 2)
        const out = join(folder, 'out.db')
        expect((await rejection(copies.get('m', old, out))).retriable).toBe(true)
        await made.forget()
        expect(await copies.head('m')).toBeUndefined()
        expect((await rejection(copies.get('m', old, out))).retriable).toBe(true)
        expect(existsSync(out)).toBe(false)
        const again = await copies.put(leaseOf('m', 1), fileOf(folder, 30), 1)
        await copies.get('m', again, out)
      },
    )

    check('a file that is not there is an error of the disk', async (_made, copies, folder) => {
      const error = await rejection(copies.put(leaseOf('m', 1), join(folder, 'nothing'), 1))
      expect(error.code).toBe('DATA_DIR_UNWRITABLE')
    })
  })
}
