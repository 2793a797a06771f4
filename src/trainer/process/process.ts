/**
 * The program of a trainer process, started by the supervisor. Its first message names the module that knows the
 * concrete parts (it exports `openTrainerLoops`) and the config for it.
 *
 * It ends when the server does, because the channel closes. The server handles SIGINT and SIGHUP, because a terminal
 * sends them to both.
 */
import { CodedError, type Json } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { lowerPriority } from './priority.ts'
import { TrainerHost, type HostedTrainers, type Hosting } from './host.ts'
import type { FromTrainer, ToTrainer } from './messages.ts'

/** The export of the module that `start` names. */
export interface TrainerProgram {
  readonly openTrainerLoops: (config: Json, hosting: Hosting) => Promise<HostedTrainers>
}

type Start = Extract<ToTrainer, { readonly kind: 'start' }>

const exitSoftware = 70
/** When no parent exists to kill a process that does not end. */
const orphanDeadlineMs = 10_000
const lastWordsMs = 500

lowerPriority()
const stop = new AbortController()
const host = new TrainerHost(systemClock, tell)

process.on('message', (message: ToTrainer) => {
  if (message.kind === 'start') void live(message)
  else if (message.kind === 'wake') host.wake(message.model)
  else if (message.kind === 'reload') reload(message.config)
  else if (message.kind === 'question') void host.answer(message)
  else end('the server stops')
})
process.on('disconnect', () => {
  end('the server has ended')
  setTimeout(() => process.exit(exitSoftware), orphanDeadlineMs).unref()
})
process.on('SIGTERM', () => end('SIGTERM'))
process.on('SIGINT', () => undefined)
process.on('SIGHUP', () => undefined)
process.on('uncaughtException', die)
process.on('unhandledRejection', die)

/** Until the trainers are open: kept for them. */
let reload: (config: Json) => void = (config) => {
  reloaded = config
}
let reloaded: Json | undefined

async function live({ program, config, without }: Start): Promise<void> {
  try {
    const { openTrainerLoops } = (await import(program)) as TrainerProgram
    const trainers = await openTrainerLoops(config, host.hosting)
    reload = trainers.reload ?? reload
    if (reloaded !== undefined) reload(reloaded)
    const models = trainers.models.filter(({ name }) => !without.includes(name))
    await host.run({ ...trainers, models }, stop.signal)
    await trainers.close()
    process.exit(0)
  } catch (error) {
    die(error)
  }
}

function end(reason: string): void {
  stop.abort(new Error(reason))
}

function die(error: unknown): void {
  const code = error instanceof CodedError ? error.code : 'INTERNAL'
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${JSON.stringify({ level: 'error', code, msg: stackOf(error) })}\n`)
  const { faulty: model } = host
  // The message has to leave first.
  const last: FromTrainer = { kind: 'fatal', code, message, ...(model !== undefined && { model }) }
  tell(last, () => process.exit(exitSoftware))
  setTimeout(() => process.exit(exitSoftware), lastWordsMs)
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** A server that has ended receives nothing, which is not an error here. */
function tell(message: FromTrainer, sent: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, undefined, {}, sent)
  else sent()
}
