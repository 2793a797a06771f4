/** Takes a lock, says so, and holds it until it is killed or its input ends. */
import { systemClock } from '../../dist/src/platform/clock.js'
import { acquireLock } from '../../dist/src/platform/store/lock.js'

const lock = await acquireLock(process.argv[2], { clock: systemClock, waitMs: 5_000 })
console.log('locked')
process.stdin.resume().once('end', () => {
  lock.release()
  console.log('released')
})
