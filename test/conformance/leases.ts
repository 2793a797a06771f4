/**
 * What every implementation of `Leases` must do. `make` gives a keeper that several daemons share, with leases that live
 * `leaseMs`; `forget` empties it, `away` runs some work while it cannot be reached.
 */
import { describe, expect, it, type TestContext } from 'vitest'
import type { Lease, Leases } from '../../src/fleet/contract.ts'
import { thrown } from '../coded.ts'

export interface MadeLeases {
  open(holder: string): Promise<Leases>
  forget(): Promise<void>
  away(work: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** Short, so that the suite is: for a keeper whose time stands still while a busy machine does something else. */
export const LEASE_MS = 900

export function leasesConformance(
  name: string,
  make: (context: TestContext) => Promise<MadeLeases>,
  leaseMs = LEASE_MS,
): void {
  const check = (title: string, work: (made: MadeLeases) => Promise<void>) =>
    it.concurrent(title, async (context) => {
      const made = await make(context)
      await work(made).finally(() => made.close())
    })
  const never = new AbortController().signal
  const free = { floor: 0, signal: never }
  const lost = (lease: Lease) =>
    new Promise<void>((resolve) => {
      if (lease.signal.aborted) resolve()
      else lease.signal.addEventListener('abort', () => resolve())
    })

  describe(`leases ${name}`, () => {
    check('one of many who ask has it, and the next one a higher epoch', async (made) => {
      const daemons = await Promise.all(['a', 'b', 'c', 'd'].map((each) => made.open(each)))
      let holders = 0
      const epochs: number[] = []
      const turn = async (leases: Leases) => {
        const lease = await leases.acquire('m', free)
        holders += 1
        expect(holders).toBe(1)
        lease.check()
        epochs.push(lease.epoch)
        await new Promise((resolve) => setTimeout(resolve, 20))
        lease.check()
        holders -= 1
        await lease.release()
      }
      await Promise.all([...daemons, ...daemons].map(turn))
      expect(epochs).toEqual([...epochs].sort((x, y) => x - y))
      expect(new Set(epochs).size).toBe(8)
    })

    check('models have leases of their own', async (made) => {
      const leases = await made.open('a')
      const [one, other] = await Promise.all([
        leases.acquire('one', free),
        leases.acquire('other', free),
      ])
      expect([one.model, other.model]).toEqual(['one', 'other'])
      await one.release()
      other.check()
    })

    check('it is held over many lives, and seen by all', async (made) => {
      const [a, b] = [await made.open('a'), await made.open('b')]
      expect(await b.view('m')).toBeUndefined()
      const lease = await a.acquire('m', free)
      await new Promise((resolve) => setTimeout(resolve, 3 * leaseMs))
      lease.check()
      expect(lease.signal.aborted).toBe(false)
      expect(await b.view('m')).toMatchObject({ holder: 'a', epoch: lease.epoch })
    })

    check('the epoch is above the floor, also of a keeper that knows nothing', async (made) => {
      const leases = await made.open('a')
      const first = await leases.acquire('m', { floor: 41, signal: never })
      expect(first.epoch).toBe(42)
      await first.release()
      const second = await leases.acquire('m', { floor: 7, signal: never })
      expect(second.epoch).toBe(43)
    })

    check(
      'released, it can be checked no more, and releasing it again changes nothing',
      async (made) => {
        const [a, b] = [await made.open('a'), await made.open('b')]
        const mine = await a.acquire('m', free)
        await mine.release()
        expect(thrown(() => mine.check()).code).toBe('LEASE_LOST')
        const others = await b.acquire('m', free)
        await mine.release()
        others.check()
        expect(await a.view('m')).toMatchObject({ holder: 'b' })
      },
    )

    check('who stops waiting gets nothing, and the next one does', async (made) => {
      const [a, b, c] = [await made.open('a'), await made.open('b'), await made.open('c')]
      const held = await a.acquire('m', free)
      const giving = new AbortController()
      const waiting = b.acquire('m', { floor: 0, signal: giving.signal })
      const reason = new Error('enough')
      giving.abort(reason)
      await expect(waiting).rejects.toBe(reason)
      await expect(b.acquire('m', { floor: 0, signal: giving.signal })).rejects.toBe(reason)
      const next = c.acquire('m', free)
      await held.release()
      expect((await next).epoch).toBeGreaterThan(held.epoch)
    })

    check('closing releases what is held', async (made) => {
      const [a, b] = [await made.open('a'), await made.open('b')]
      const held = await a.acquire('m', free)
      await a.close()
      expect(thrown(() => held.check()).code).toBe('LEASE_LOST')
      await b.acquire('m', free)
    })

    check(
      'a keeper that is away too long costs the lease, of which its holder is the first to know',
      async (made) => {
        const [a, b] = [await made.open('a'), await made.open('b')]
        const lease = await a.acquire('m', free)
        let waiting: Promise<Lease> | undefined
        await made.away(async () => {
          waiting = b.acquire('m', free)
          await lost(lease)
        })
        expect(thrown(() => lease.check())).toMatchObject({ code: 'LEASE_LOST', retriable: true })
        const next = await waiting!
        expect(next.epoch).toBeGreaterThan(lease.epoch)
      },
    )

    check('a keeper that is away for less than a life costs nothing', async (made) => {
      const a = await made.open('a')
      const lease = await a.acquire('m', free)
      await made.away(() => new Promise((resolve) => setTimeout(resolve, leaseMs / 6)))
      await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs))
      lease.check()
    })

    check(
      'a keeper that forgot everything is told by the holder, and no other gets in between',
      async (made) => {
        const [a, b] = [await made.open('a'), await made.open('b')]
        const lease = await a.acquire('m', { floor: 5, signal: never })
        const giving = new AbortController()
        const waiting = b.acquire('m', { floor: 0, signal: giving.signal })
        // It has seen who holds it.
        await new Promise((resolve) => setTimeout(resolve, leaseMs / 4))
        await made.forget()
        await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs))
        lease.check()
        expect(await b.view('m')).toMatchObject({ holder: 'a', epoch: lease.epoch })
        giving.abort(new Error('enough'))
        await expect(waiting).rejects.toThrow('enough')
      },
    )

    check('an epoch never goes down, however often everything is forgotten', async (made) => {
      const [a, b] = [await made.open('a'), await made.open('b')]
      let floor = 0
      for (const leases of [a, b, a]) {
        const lease = await leases.acquire('m', { floor, signal: never })
        expect(lease.epoch).toBeGreaterThan(floor)
        floor = lease.epoch
        await lease.release()
        await made.forget()
      }
    })

    check(
      'who never saw the holder and asks a keeper that forgot it gives way to it',
      async (made) => {
        const [a, b] = [await made.open('a'), await made.open('b')]
        const old = await a.acquire('m', { floor: 5, signal: never })
        await made.forget()
        const young = await b.acquire('m', free)
        if (young.epoch > old.epoch) await lost(old)
        else await lost(young)
        const { holder } = (await a.view('m'))!
        expect(holder).toBe(young.epoch > old.epoch ? 'b' : 'a')
      },
    )
  })
}
