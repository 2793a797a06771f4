/**
 * Predictions while feedback comes in on a disk that takes long to flush: a library in front of fsync and fdatasync makes
 * each take `--flush-ms` longer. Compares the p99 of predict with and without it, and counts the feedback that was accepted.
 *
 *   node test/bench/faults/slow-disk.mjs [--flush-ms 200] [--seconds 5] [--rounds 3]      needs cc
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startDaemon } from '../lib/daemon.mjs'
import { finish, machine, median, percentile, round, say } from '../lib/figures.mjs'
import { openHttp } from '../lib/http.mjs'

const { values } = parseArgs({
  options: {
    'flush-ms': { type: 'string', default: '200' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
  },
})
const flushMs = Number(values['flush-ms'])
const durationMs = 1000 * Number(values.seconds)
const startedOn = machine()
const folder = mkdtempSync(join(tmpdir(), 'antikythera-flush-'))
const library = buildLibrary()
const model = {
  base: { features: { size: 4 } },
  labels: ['no', 'yes'],
  adapter: { method: 'head' },
}
const features = [1, 2, 3, 4]
const runs = { fast: [], slow: [] }
for (let at = 0; at < Number(values.rounds); at += 1)
  for (const kind of ['fast', 'slow']) {
    const run = await measure(kind)
    runs[kind].push(run)
    say(`${kind}: predict p99 ${run.p99} ms, ${run.accepted} events/s accepted`)
  }
rmSync(folder, { recursive: true })
const of = (kind, what) => round(median(runs[kind].map((run) => run[what])))
finish('slow-disk', startedOn, {
  flushMs,
  p50: { fast: of('fast', 'p50'), slow: of('slow', 'p50') },
  p99: { fast: of('fast', 'p99'), slow: of('slow', 'p99') },
  ratio: round(of('slow', 'p99') / of('fast', 'p99')),
  acceptedPerSecond: { fast: of('fast', 'accepted'), slow: of('slow', 'accepted') },
})

async function measure(kind) {
  if (kind === 'slow') process.env.LD_PRELOAD = library
  // Its child inherits the environment, and the disk is slow for the trainer, too.
  const daemon = await startDaemon({ m: model })
  delete process.env.LD_PRELOAD
  const http = openHttp(daemon.port, 64)
  const untilMs = performance.now() + durationMs
  const latencies = []
  let [events, failed] = [0, 0]
  const teach = async (client) => {
    for (let at = 0; performance.now() < untilMs; at += 1) {
      const event = { id: `${client}-${at}`, input: { features }, label: 'yes' }
      const { status } = await http.post('/v1/models/m/feedback', event)
      if (status === 202) events += 1
      else failed += 1
    }
  }
  const ask = async () => {
    while (performance.now() < untilMs) {
      const began = performance.now()
      const { status } = await http.post('/v1/models/m/predict', { inputs: [{ features }] })
      if (status === 200) latencies.push(performance.now() - began)
      else failed += 1
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  await Promise.all([...Array.from({ length: 16 }, (_, at) => teach(at)), ask(), ask()])
  http.close()
  await daemon.stop()
  if (failed > 0) throw new Error(`${failed} requests failed`)
  return {
    p50: round(percentile(latencies, 0.5)),
    p99: round(percentile(latencies, 0.99)),
    accepted: round(events / (durationMs / 1000), 0),
  }
}

function buildLibrary() {
  const source = join(folder, 'slow.c')
  const symbols = ['fsync', 'fdatasync'].map(
    (name) => `
int ${name}(int file) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "${name}");
  usleep(${flushMs * 1000});
  return real(file);
}`,
  )
  writeFileSync(
    source,
    `#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <unistd.h>\n${symbols.join('\n')}\n`,
  )
  const target = join(folder, 'slow.so')
  execFileSync('cc', ['-shared', '-fPIC', '-o', target, source, '-ldl'])
  return target
}
