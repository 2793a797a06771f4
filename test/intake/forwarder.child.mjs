/** A replica that takes and forwards feedback until it is killed; prints the number of each event that it accepted. */
import { openForwarder } from '../../dist/src/intake/inbox/forwarder.js'
import { openInboxReader } from '../../dist/src/intake/inbox/reader.js'
import { openInbox } from '../../dist/src/intake/inbox/inbox.js'
import { systemClock } from '../../dist/src/platform/clock.js'
import { openRedis } from '../../dist/src/platform/redis/redis.js'

const [path, port, run] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
const bounds = { unreadEvents: 1e6, seenEvents: 1e6, retentionMs: 1e9, clock: systemClock }
const inbox = openInbox(path, bounds)
const address = { host: '127.0.0.1', port: Number(port) }
const redis = await openRedis(
  { namespace: 'ns', address, commandMs: 300, connectMs: 500 },
  { log, clock: systemClock },
)
const stream = 'ns:{m}:feedback'
const forwarder = openForwarder({
  journal: openInboxReader(path).journal,
  redis,
  keys: { stream, place: 'ns:{m}:forwarded:r1', word: `${stream}:read:m` },
  replica: 'r1',
  clock: systemClock,
  log,
  unreadEntries: 1e6,
})
console.log('ready')
for (let number = Number(run) * 100_000; ; number += 1) {
  const bytes = new TextEncoder().encode(String(number))
  await inbox.append([{ source: 's', id: `e-${number}`, bytes }])
  forwarder.wake()
  process.stdout.write(`${number}\n`)
}
