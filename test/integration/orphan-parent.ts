/** A server that starts a trainer, says which process it is, and waits to be killed. */
import { systemClock } from '../../src/platform/clock.ts'
import { openLog } from '../../src/platform/log.ts'
import { openSupervisor } from '../../src/trainer/process/supervisor.ts'

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
