/** A server that starts a trainer, says which process it is, and waits to be killed. */
import { systemClock } from '../../src/runtime/clock.ts'
import { openLog } from '../../src/runtime/log.ts'
import { openSupervisor } from '../../src/trainer/supervisor.ts'

const [program = '', folder = ''] = process.argv.slice(2)
const supervisor = openSupervisor({
  children: [{ models: ['m'], program, config: { models: ['m'], folder } }],
  clock: systemClock,
  log: openLog({ level: 'silent' }),
})
const timer = setInterval(() => {
  const { state, pid } = supervisor.status('m')
  if (state !== 'idle') return
  clearInterval(timer)
  process.stdout.write(`${pid ?? 0}\n`)
}, 20)
