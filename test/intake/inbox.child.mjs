/** Appends events until it is killed, and prints the id of each after its append has resolved. */
import { openInbox } from '../../dist/src/intake/inbox/inbox.js'
import { systemClock } from '../../dist/src/platform/clock.js'

const [path, run] = process.argv.slice(2)
const bounds = { unreadEvents: 1e6, seenEvents: 1e6, retentionMs: 1e9, clock: systemClock }
const inbox = openInbox(path, bounds)
console.log('ready')
async function client(name) {
  for (let number = 0; ; number += 1) {
    const id = `${run}-${name}-${number}`
    const bytes = new TextEncoder().encode(id.padEnd(2000, '.'))
    const { accepted } = await inbox.append([{ source: 's', id, bytes }])
    if (accepted === 1) process.stdout.write(`${id}\n`)
  }
}
await Promise.all(['a', 'b', 'c'].map(client))
