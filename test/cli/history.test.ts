import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { certificateHash, type Certificate } from '../../src/checkpoint/certificates.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { Ledger, ledgerMigrations } from '../../src/versions/local/ledger.ts'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { runCli } from './run-cli.ts'

/** A daemon with a history of several pages. */
async function withMoves(count: number, options: ServedOptions = {}) {
  const file = join(scratchFolder(), 'registry.db')
  const ledger = new Ledger(file, systemClock)
  onTestFinished(() => ledger.close())
  ledger.exclusively(() => {
    for (let expect = 0; expect < count; expect += 1) {
      const live = { version: `v${expect}`, digest: `d${expect}` }
      const canary = { version: 'v9', digest: 'd9', share: 0.25 }
      const asks = { hold: expect % 3 === 0 }
      ledger.move({ live, canary, shadow: live, asks, reason: 'r', by: 'promote', expect })
    }
  })
  const { server, registry } = await openServed(options)
  registry.history = async (most, before) => ledger.history(most, before)
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 })
  const alter = (sql: string) => {
    const store = openStore(file, { migrations: ledgerMigrations })
    store.run(sql)
    store.close()
  }
  return { ledger, url, alter, verify: (...more: string[]) => verified(url, more) }
}

const verified = async (url: string, more: readonly string[]) =>
  runCli('history', 'm', '--verify', '--url', url, ...more)

test('history --verify checks every page of the moves, and shows the newest hash', async () => {
  const { ledger, verify } = await withMoves(250)
  const head = ledger.live()?.hash
  const { stdout, code } = await verify()
  expect(code).toBe(0)
  expect(stdout).toContain('m: 250 moves are unchanged')
  expect(stdout).toContain(`newest hash: ${head}`)
  expect((await verify('--json')).json()).toEqual({ model: 'm', chained: 250, unchained: 0, head })
})

test('history --verify names the first move that was changed, and fails', async () => {
  const { alter, verify } = await withMoves(250)
  alter(`UPDATE move SET reason = 'nothing' WHERE generation IN (40, 200)`)
  const { code, stderr, stdout } = await verify()
  expect([code, stdout]).toEqual([65, ''])
  expect(stderr).toContain('HISTORY_BROKEN')
  expect(stderr).toContain('m: move 40 is not what its hash was made of; 2 places in all')
  alter('DELETE FROM move WHERE generation = 17')
  expect((await verify()).stderr).toContain('m: move 17 is missing; 3 places in all')
})

test('history --verify and forget --show compare certificates with the moves that ended their requests', async () => {
  const certificate = (request: string) => ({
    ...{ request, generation: 1, erased: { events: 3 }, learned_again: 2, not_erased: [] },
    versions: { retired: ['v3'] },
  })
  const made = ['r1', 'r2'].map(certificate)
  const kept: Certificate[] = [...made]
  const forgets = {
    tasks: () => [],
    certificates: () => kept,
    certificate: (request: string) => kept.find((each) => each.request === request),
    count: () => kept.length,
  }
  const { ledger, url, verify } = await withMoves(3, { forgets })
  ledger.exclusively(() => {
    for (const each of made) {
      const recorded = { request: each.request, hash: certificateHash(each) }
      const { generation: expect } = ledger.live()!
      const live = { version: 'v2', digest: 'd2' }
      ledger.move({ live, asks: { certificate: recorded }, reason: 'r', by: 'policy', expect })
    }
  })
  const show = async (request: string, ...more: string[]) =>
    runCli('forget', 'm', '--show', request, '--url', url, ...more)
  expect((await verify()).stdout).toContain('2 certificates of forgetting are as they were made')
  expect((await show('r2')).stdout).toContain('its hash is in the history of moves')
  expect((await show('r2', '--json')).json()).toMatchObject({ proof: 'recorded' })
  // Somebody writes one of his own, and another number into r2.
  kept.splice(1, 1, { ...certificate('r2'), erased: { events: 30 } }, certificate('r9'))
  expect((await show('r9')).stdout).toContain('no move proves it')
  for (const { code, stderr } of [await show('r2'), await verify()]) {
    expect(code).toBe(65)
    expect(stderr).toContain('the certificate of r2 is not the one')
  }
  kept.splice(1, 1)
  expect((await verify('--json')).json()).toMatchObject({
    certificates: { recorded: 1, unrecorded: ['r9'] },
  })
})

test('history --includes refuses a history without the hash that was noted', async () => {
  const { ledger, verify } = await withMoves(120)
  const noted = ledger.history(1, 5)[0]?.hash ?? ''
  expect((await verify('--includes', noted)).code).toBe(0)
  const { code, stderr } = await verify('--includes', 'f'.repeat(64))
  expect(code).toBe(65)
  expect(stderr).toContain(`no move has the hash ${'f'.repeat(64)}`)
})
