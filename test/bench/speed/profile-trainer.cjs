/**
 * Loaded into each process of a daemon by NODE_OPTIONS: profiles the CPU of a trainer, from its start to its end. The folder
 * and the interval are those of the environment.
 */
const { writeFileSync } = require('node:fs')
const { Session } = require('node:inspector')
const { join } = require('node:path')
const { isMainThread } = require('node:worker_threads')

const { ANTIKYTHERA_PROFILE: folder, ANTIKYTHERA_PROFILE_US: interval = '1000' } = process.env
const isTrainer = /trainer[/\\]process[/\\]process\.js$/.test(process.argv[1] ?? '')

if (folder !== undefined && isTrainer && isMainThread) {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: Number(interval) })
  session.post('Profiler.start')
  process.once('exit', () => {
    session.post('Profiler.stop', (_, { profile }) => {
      writeFileSync(join(folder, `trainer-${process.pid}.cpuprofile`), JSON.stringify(profile))
    })
  })
}
