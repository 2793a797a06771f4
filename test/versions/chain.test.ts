/** The moves of the live pointer are a hash chain, which notices whatever changes in the store afterwards. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ChainCheck, GENESIS } from '../../src/versions/chain.ts'
import type { Routing } from '../../src/versions/contract.ts'
import { Ledger, ledgerMigrations } from '../../src/versions/local/ledger.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { scratchFolder } from '../scratch-folder.ts'

function open(folder: string, moves = 100): Ledger {
  const ledger = new Ledger(join(folder, 'registry.db'), systemClock, { moves })
  onTestFinished(() => ledger.close())
  return ledger
}

function move(ledger: Ledger, count: number): void {
  const from = ledger.live()?.generation ?? 0
  for (let expect = from; expect < from + count; expect += 1) {
    const live = { version: `v${expect}`, digest: `d${expect}` }
    const canary = { version: `v${expect}-import`, digest: 'c', share: 1 / 3 }
    // Half a character, as a cut through a long reason leaves it, and a quote of SQL.
    const reason = `because of it's ${expect}\ud83d`
    const asks = { hold: true, selection: { source: 'é', sinceMs: 12 } }
    const every = { live, reason, by: 'rollback', asks, actor: 'anna', expect } as const
    ledger.exclusively(() => ledger.move(expect % 2 === 0 ? every : { ...every, canary }))
  }
}

function checked(moves: readonly Routing[], wanted?: string) {
  const check = new ChainCheck(wanted)
  for (const each of moves) check.add(each)
  return check.result
}

function altering(folder: string, ...statements: readonly string[]): void {
  const store = openStore(join(folder, 'registry.db'), { migrations: ledgerMigrations })
  for (const sql of statements) store.run(sql)
  store.close()
}

test('every move has a hash that holds after it was read back, from the first one on', () => {
  const folder = scratchFolder()
  move(open(folder), 7)
  const moves = open(folder).history(100)
  expect(moves.at(-1)?.prior).toBe(GENESIS)
  expect(moves[0]?.prior).toBe(moves[1]?.hash)
  expect(new Set(moves.map(({ hash }) => hash)).size).toBe(7)
  expect(checked(moves)).toMatchObject({
    chained: 7,
    unchained: 0,
    breaks: 0,
    head: moves[0]?.hash,
  })
})

test('what was forgotten is not missed: the chain is checked from the oldest move that is kept', () => {
  const ledger = open(scratchFolder(), 4)
  move(ledger, 3)
  const noted = ledger.live()?.hash ?? ''
  move(ledger, 4)
  const moves = ledger.history(100)
  expect(moves.map(({ generation }) => generation)).toEqual([7, 6, 5, 4])
  // The hash before the oldest is known too.
  expect(checked(moves, noted)).toMatchObject({ chained: 4, breaks: 0, includesWanted: true })
  move(ledger, 1)
  expect(checked(ledger.history(100), noted)).toMatchObject({ breaks: 0, includesWanted: false })
})

test.each([
  ['a reason', `UPDATE move SET reason = 'other' WHERE generation = 3`, 3, 'altered'],
  ['a version', `UPDATE move SET version = 'v9' WHERE generation = 5`, 5, 'altered'],
  ['a time', 'UPDATE move SET since_ms = since_ms - 1 WHERE generation = 1', 1, 'altered'],
  ['the share of a canary', `UPDATE move SET canary = NULL WHERE generation = 4`, 4, 'altered'],
  ['the name of a key', `UPDATE move SET actor = 'bob' WHERE generation = 2`, 2, 'altered'],
  ['a hash', `UPDATE move SET hash = 'f' WHERE generation = 2`, 2, 'altered'],
  ['its hash taken away', `UPDATE move SET hash = NULL WHERE generation = 4`, 4, 'unhashed'],
  ['itself taken away', 'DELETE FROM move WHERE generation = 4', 4, 'missing'],
] as const)('%s of a move that changes is noticed at that move', (_what, sql, generation, kind) => {
  const folder = scratchFolder()
  move(open(folder), 6)
  altering(folder, sql)
  expect(checked(open(folder).history(100)).firstBreak).toEqual({ generation, kind })
})

test('a move that is written again with a hash of its own does not fit to the next one', () => {
  const folder = scratchFolder()
  move(open(folder), 6)
  const other = open(scratchFolder())
  move(other, 6)
  const [theirs] = other.history(1, 4)
  altering(
    folder,
    `UPDATE move SET hash = '${theirs?.hash}', prior = '${theirs?.prior}', since_ms = ${theirs?.sinceMs}
     WHERE generation = 3`,
  )
  const { firstBreak, breaks, chained } = checked(open(folder).history(100))
  // Its own hash is right; neither neighbour knows it.
  expect(firstBreak).toEqual({ generation: 2, kind: 'unlinked' })
  expect([breaks, chained]).toEqual([2, 6])
})

test('moves that were adopted from elsewhere keep their hashes', () => {
  const [there, here] = [open(scratchFolder()), open(scratchFolder())]
  move(there, 5)
  here.adopt(there.history(100))
  expect(here.history(100)).toEqual(there.history(100))
  expect(checked(here.history(100))).toMatchObject({ chained: 5, breaks: 0 })
})
