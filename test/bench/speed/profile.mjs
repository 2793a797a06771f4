/**
 * Where the CPU time of a trainer goes: a daemon learns sentences while V8 samples its trainer process, which must end in
 * order and never be restarted. Writes trainer.cpuprofile, for the developer tools of a browser or for speedscope, and
 * trainer.svg, a flame graph.
 *
 *   node test/bench/speed/profile.mjs [events] [--tail-layers all] [--interval 1000] [--out <folder>]
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startDaemon, teach } from '../lib/daemon.mjs'
import { finish, machine, say } from '../lib/figures.mjs'
import { flameGraph, hottest } from './flame-graph.mjs'
import { sentences } from '../lib/texts.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'tail-layers': { type: 'string', default: 'all' },
    /** Microseconds between two samples. */
    interval: { type: 'string', default: '1000' },
    out: { type: 'string' },
  },
})
const count = Number(positionals[0] ?? 800)
const reach = values['tail-layers']
const tail_layers = reach === 'all' ? 'all' : Number(reach)
const startedOn = machine()
const out = resolve(values.out ?? join(tmpdir(), 'antikythera-profile'))
mkdirSync(out, { recursive: true })
const folder = mkdtempSync(join(out, 'run-'))
const preload = fileURLToPath(new URL('profile-trainer.cjs', import.meta.url))
// The daemon hands its environment to its trainer.
Object.assign(process.env, {
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${JSON.stringify(preload)}`.trim(),
  ANTIKYTHERA_PROFILE: folder,
  ANTIKYTHERA_PROFILE_US: values.interval,
})

const model = {
  base: 'use-lite',
  labels: ['negative', 'positive'],
  adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers },
  trigger: { policy: 'count', every: 16, rest: 0 },
}
const daemon = await startDaemon({ m: model })
const rows = sentences().slice(0, count - (count % 16))
const started = performance.now()
await teach(
  daemon.http,
  'm',
  rows.map(({ text, label }, at) => ({ id: `e-${at}`, source: 'bench', input: { text }, label })),
)
const seconds = (performance.now() - started) / 1000
const { trainer } = (await daemon.http.get('/v1/models/m')).body
const exit = await daemon.stop()
if (trainer.restarts > 0) throw new Error(`the trainer ended ${trainer.restarts} times`)
if (exit !== 0) throw new Error(`the daemon ended with ${exit}`)

const [found] = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'))
if (found === undefined) throw new Error('the trainer left no profile')
const files = { profile: join(out, 'trainer.cpuprofile'), flameGraph: join(out, 'trainer.svg') }
renameSync(join(folder, found), files.profile)
rmSync(folder, { recursive: true })
const profile = JSON.parse(readFileSync(files.profile, 'utf8'))
const title = `trainer: ${rows.length} sentences, LoRA on use-lite, tail_layers ${reach}, ${profile.samples.length} samples`
writeFileSync(files.flameGraph, flameGraph(profile, title))
const top = hottest(profile)
for (const { name, share } of top) say(`${(100 * share).toFixed(1).padStart(5)} %  ${name}`)
say(`${files.profile}\n${files.flameGraph}`)
finish('profile', startedOn, {
  ...{ events: rows.length, tailLayers: tail_layers, engine: trainer.engine },
  ...{ seconds: Math.round(seconds), restarts: trainer.restarts },
  ...{ samples: profile.samples.length, top: top.slice(0, 5), files },
})
