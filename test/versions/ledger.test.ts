import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Ledger, ledgerMigrations, type LedgerLimits } from '../../src/versions/local/ledger.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { manifestOf } from '../serving/fake-registry.ts'

function open(folder: string, limits: Partial<LedgerLimits>): Ledger {
  const ledger = new Ledger(join(folder, 'registry.db'), systemClock, limits)
  onTestFinished(() => ledger.close())
  return ledger
}

function retire(ledger: Ledger, from: number, to: number): void {
  ledger.exclusively(() => {
    for (let number = from; number < to; number += 1) ledger.retire(manifestOf('m', number))
  })
}

function move(ledger: Ledger, from: number, to: number): void {
  ledger.exclusively(() => {
    for (let expect = from; expect < to; expect += 1)
      ledger.move({
        live: { version: `v${expect}`, digest: '' },
        reason: 'r',
        by: 'trainer',
        expect,
      })
  })
}

test('the oldest manifests and moves go when there are more than the limits', () => {
  const ledger = open(scratchFolder(), { removed: 3, moves: 4 })
  retire(ledger, 0, 10)
  expect(ledger.index.retired(100)).toEqual(['v9', 'v8', 'v7'])
  // By age, not by when they were removed.
  retire(ledger, 5, 6)
  expect(ledger.index.retired(100)).toEqual(['v9', 'v8', 'v7'])
  move(ledger, 0, 10)
  expect(ledger.history(100).map(({ generation }) => generation)).toEqual([10, 9, 8, 7])
})

test('a registry that has grown without limits is brought to them bit by bit', () => {
  const folder = scratchFolder()
  const grown = open(folder, { removed: 1e6, moves: 1e6 })
  retire(grown, 0, 2000)
  move(grown, 0, 2000)
  const ledger = open(folder, { removed: 3, moves: 4 })
  const rows: number[] = []
  for (let at = 2000; at < 2006; at += 1) {
    retire(ledger, at, at + 1)
    move(ledger, at, at + 1)
    rows.push(ledger.index.retired(1e6).length, ledger.history(1e6).length)
  }
  expect(rows).toEqual([1501, 1501, 1002, 1002, 503, 503, 4, 4, 3, 4, 3, 4])
  expect(ledger.history(1)[0]?.generation).toBe(2006)
})

test('a page in the middle of the list is the same as that part of the whole list', () => {
  const ledger = open(scratchFolder(), { removed: 1000, moves: 1 })
  retire(ledger, 0, 300)
  ledger.exclusively(() => {
    for (const name of ['v150-import', 'v150-import-2', 'v20-import'])
      ledger.retire({ ...manifestOf('m', 0), version: name })
  })
  const all = ledger.index.retired(1000)
  expect(all).toHaveLength(303)
  for (const at of [0, 100, 148, 149, 150, 151, 152, 280, 302])
    expect(ledger.index.retired(7, all[at])).toEqual(all.slice(at + 1, at + 8))
})

test('the moves under which one version was live are found among the others, a page at a time', () => {
  const ledger = open(scratchFolder(), {})
  for (let expect = 0; expect < 9; expect += 1) {
    const live = { version: `v${expect % 3}`, digest: '' }
    ledger.exclusively(() => ledger.move({ live, reason: 'r', by: 'promote', expect }))
  }
  const generations = (before?: number) =>
    ledger.history(2, before, 'v1').map(({ generation }) => generation)
  expect(generations()).toEqual([8, 5])
  expect(generations(5)).toEqual([2])
  expect(ledger.history(2, undefined, 'v9')).toEqual([])
})

test('a move that was altered by hand is a damaged store, and not a bug of ours', () => {
  const folder = scratchFolder()
  const ledger = open(folder, {})
  move(ledger, 0, 3)
  const store = openStore(join(folder, 'registry.db'), { migrations: ledgerMigrations })
  for (const column of ['asks', 'canary']) {
    store.run(`UPDATE move SET ${column} = '{broken' WHERE generation = 2`)
    expect(() => ledger.history(9)).toThrow(
      expect.objectContaining({
        code: 'STORE_CORRUPT',
        message: expect.stringContaining(`${column} should be JSON`) as string,
      }),
    )
    store.run(`UPDATE move SET ${column} = NULL WHERE generation = 2`)
  }
  expect(ledger.history(9)).toHaveLength(3)
  store.close()
})
