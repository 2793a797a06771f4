/** A daemon for a measurement: its own process and data folder, started as a user starts it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { openHttp } from './http.mjs'

const program = fileURLToPath(new URL('../../../dist/program/src/cli/main.js', import.meta.url))

/** Asks for the model until it has learned what `wait_for` of the path names: an update on a busy machine may take longer than a request. */
export async function untilLearned(http, path) {
  for (;;) {
    const { status, body } = await http.get(path)
    if (status === 200) return
    if (body.code !== 'POSITION_NOT_REACHED' || body.trainer !== 'running')
      throw new Error(`learning: ${JSON.stringify(body)}`)
  }
}

/**
 * `models` as in a config file. `restart` starts it again on the same data after it ended; `stop` ends it in order and
 * removes the data unless `keep` says otherwise. `env`: of its environment.
 */
export async function startDaemon(models, { seed = 1, server = {}, env = {}, ...rest } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-bench-'))
  const port = await freePort()
  const config = {
    data_dir: join(folder, 'data'),
    seed,
    server: { host: '127.0.0.1', port, ...server },
    log: { level: 'warn', format: 'json' },
    models,
    ...rest,
  }
  const file = join(folder, 'antikythera.yaml')
  writeFileSync(file, stringify(config))
  const http = openHttp(port)
  let child = await start(file, http, env)
  return {
    folder,
    dataDir: config.data_dir,
    config,
    configFile: file,
    port,
    http,
    get pid() {
      return child.pid
    },
    /** kill -9; resolves when it is gone. */
    async kill() {
      const gone = exited(child)
      child.kill('SIGKILL')
      await gone
    },
    async restart() {
      child = await start(file, http, env)
    },
    async stop({ keep = false } = {}) {
      const gone = exited(child)
      child.kill('SIGTERM')
      await gone
      http.close()
      if (!keep) rmSync(folder, { recursive: true, force: true })
      return child.exitCode
    },
  }
}

async function start(file, http, env) {
  const child = spawn(process.execPath, [program, 'serve', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  })
  const ended = exited(child).then(() => {
    throw new Error(`the daemon ended with ${child.exitCode ?? child.signalCode}`)
  })
  ended.catch(() => undefined)
  await Promise.race([ended, untilReady(http)])
  return child
}

async function untilReady(http) {
  for (;;) {
    const response = await http.get('/readyz').catch(() => undefined)
    if (response?.status === 200) return
    await wait(50)
  }
}

function exited(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => child.once('exit', resolve))
}

export async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

export function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Teaches events and waits until all of them are learned. */
export async function teach(http, model, events) {
  const status = async () => (await http.get(`/v1/models/${model}`)).body
  const goal = (await status()).counts.learned + events.length
  for (let from = 0; from < events.length; from += 50) {
    const chunk = { events: events.slice(from, from + 50) }
    const { status: code, body } = await http.post(`/v1/models/${model}/feedback`, chunk)
    if (code !== 202) throw new Error(`feedback: ${code} ${JSON.stringify(body)}`)
  }
  for (;;) {
    const { counts, trainer } = await status()
    if (counts.learned >= goal) return
    if (trainer.state === 'failed') throw new Error(`the trainer failed: ${trainer.message}`)
    await wait(50)
  }
}
