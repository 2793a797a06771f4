/** Appends to an inbox on a small disk until it is full, then again when there is room. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openInbox } from '../../dist/src/intake/inbox/inbox.js'
import { openInboxReader } from '../../dist/src/intake/inbox/reader.js'
import { systemClock } from '../../dist/src/platform/clock.js'

const folder = process.argv[2]
const path = join(folder, 'inbox.db')
const bounds = { unreadEvents: 1e6, seenEvents: 1e6, retentionMs: 1e9, clock: systemClock }
const inbox = openInbox(path, bounds)
const codes = new Set()
let accepted = 0
const append = async (id) => {
  try {
    accepted += (await inbox.append([{ source: 's', id, bytes: new Uint8Array(20_000) }])).accepted
  } catch (error) {
    codes.add(error.code)
  }
}
writeFileSync(join(folder, 'ballast'), new Uint8Array(300_000))
for (let index = 0; index < 60; index += 1) await append(`e-${index}`)
const before = accepted
rmSync(join(folder, 'ballast'))
// What was refused is no duplicate: it can be sent again.
for (let index = 57; index < 60; index += 1) await append(`e-${index}`)
await inbox.close()
const reader = openInboxReader(path)
const kept = reader.journal.read(0, 1000).length
console.log(JSON.stringify({ codes: [...codes], more: accepted - before, lost: accepted - kept }))
