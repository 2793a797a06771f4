/**
 * Runs another program to its end with a deadline, and keeps the last lines that it printed for the error message. All
 * running programs are stopped when set-up itself is stopped.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { SetupError } from './errors.mjs'

const TICK_MS = 500
const KEPT_CHARACTERS = 16_000
const running = new Set()

process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/**
 * `onTick(seconds)` is called twice a second while the program runs. When `watch()` is given and its answer stays the
 * same for `stallSeconds`, the program counts as hung and is stopped.
 * @returns {Promise<{ output: string, seconds: number, code: number, missing: boolean, stopped?: string, signal?: string }>}
 */
export function runTool(command, args, options = {}) {
  const { cwd, env = process.env, timeoutSeconds = 1800, stallSeconds, watch, onTick } = options
  const started = Date.now()
  const seconds = () => (Date.now() - started) / 1000
  const shell = process.platform === 'win32' && !/\.exe$/i.test(command)
  const child = spawn(command, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)

  let output = ''
  let stopped
  const keep = (chunk) => {
    output = (output + String(chunk)).slice(-KEPT_CHARACTERS)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)

  let seen
  let changedAt = 0
  const timer = setInterval(() => {
    onTick?.(seconds())
    const now = watch ? `${watch()} ${output.length}` : undefined
    if (now !== seen) changedAt = seconds()
    seen = now
    if (seconds() > timeoutSeconds) stopped = `no end after ${timeoutSeconds} s`
    if (stallSeconds && seconds() - changedAt > stallSeconds)
      stopped = `no progress for ${stallSeconds} s`
    if (!stopped) return
    child.kill('SIGKILL')
    // What it has started may hold its output open for longer.
    child.stdout.destroy()
    child.stderr.destroy()
  }, TICK_MS)

  return new Promise((resolve) => {
    const end = (result) => {
      clearInterval(timer)
      running.delete(child)
      resolve({ output, seconds: seconds(), stopped, ...result })
    }
    child.on('error', (error) => end({ code: 127, missing: error.code === 'ENOENT' }))
    child.on('close', (code, signal) => end({ code: code ?? 1, signal, missing: false }))
  })
}

/**
 * The same for a step of the set-up: `doing()` says how far it is, and a failure is the set-up error `code` below all that the
 * program printed.
 */
export async function runOrFail(command, args, { code, doing, progress, places, ...options }) {
  const onTick = () => progress.doing(doing())
  const result = await runTool(command, args, { env: places.env, onTick, ...options })
  if (result.code === 0 && !result.stopped) return
  progress.say(result.output.trim())
  throw new SetupError(code, `${doing()}: ${reasonLine(result)}`)
}

/** The line that says most about a failure: the last one with `error:` in it, else the last one at all. */
export function reasonLine({ output, stopped, signal, code }) {
  if (stopped) return stopped
  const lines = output.split('\n').map((line) => line.trim())
  const said = lines.filter((line) => line && !line.startsWith('at '))
  const telling = said.filter((line) => /error:/i.test(line)).at(-1) ?? said.at(-1)
  return telling?.slice(0, 300) ?? (signal ? `ended by ${signal}` : `ended with code ${code}`)
}

/**
 * Finds a program on the PATH without starting it, so that asking costs no time.
 */
export function which(command, env = process.env) {
  const suffixes = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : ['']
  for (const folder of (env.PATH ?? env.Path ?? '').split(delimiter).filter(Boolean)) {
    for (const suffix of suffixes) {
      const path = join(folder, command + suffix)
      if (isExecutable(path)) return path
    }
  }
  return undefined
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
