/** The product's trainer on a file of events, with its real checkpoint and registry, in this process and without a server. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openModelLoop } from '../../../dist/src/app/loop.js'
import { openSharedRegistry } from '../../../dist/src/app/model.js'
import { trainingEngines } from '../../../dist/src/optim/engines/training-engine.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { adapterOf, methodOf, openBase } from '../../../dist/src/config/model-parts.js'
import { openTrunkEngines } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { openLog } from '../../../dist/src/platform/log.js'
import { systemClock } from '../../../dist/src/platform/clock.js'
import { Mutex } from '../../../dist/src/platform/store/lock.js'
import { classificationOf } from '../lib/learner.mjs'

const MODEL = 'm'
const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

/**
 * Learns the events in order. Resolves with each version that was live, from which event of the stream on, what moved it
 * there, its accuracy on `test` (percent), and the manifests of all versions.
 */
export async function learnStream({ tf, events, golden, test, model: settings, seed }) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-stream-'))
  const trunks = openTrunkEngines(() => {})
  const stream = join(folder, 'stream.jsonl')
  const goldenFile = join(folder, 'golden.jsonl')
  writeFileSync(stream, lines(events))
  writeFileSync(
    goldenFile,
    lines(golden.map(({ features, label }) => ({ input: { features }, label }))),
  )
  const model = {
    ...settings({ goldenFile }),
    sources: [{ file: { path: stream } }],
    keep: { last: 100_000 },
  }
  const text = JSON.stringify({ data_dir: join(folder, 'data'), seed, models: { [MODEL]: model } })
  const config = parseConfig(text, folder)
  const log = openLog({ level: 'error', format: 'json', secrets: [], isTerminal: false })
  const uploaded = new Map()
  const baseTensors = (base) => {
    if (!uploaded.has(base)) uploaded.set(base, new BaseTensors(tf, base))
    return uploaded.get(base)
  }
  try {
    const moves = []
    const stop = new AbortController()
    const site = {
      ...{ config, clock: systemClock, log, trunk: trunks.open },
      engineOf: trainingEngines(config, log),
      trainingMutex: new Mutex(),
      onStatus: ({ state, lag, counts }) => {
        if (state === 'idle' && lag === 0 && counts.accepted > 0)
          stop.abort(new Error('read everything'))
      },
      onComing() {},
      onPointer: (_, { live, by, reason }) => {
        const at = loop.status().counts.accepted
        moves.push({ at, version: live.version, by, reason, timeMs: Date.now() })
      },
    }
    const loop = await openModelLoop(site, MODEL)
    await loop.run(stop.signal)
    const { counts } = loop.status()
    const base = await openBase(config.models[MODEL].base)
    const registry = await openSharedRegistry(config, MODEL, base, { clock: systemClock, log })
    const versions = []
    for (let before; ;) {
      const page = await registry.list(500, before)
      versions.push(...page.map(({ manifest }) => manifest))
      if (page.length < 500) break
      before = page.at(-1).manifest.version
    }
    const accuracyOf = await scorerOf({ config, base, tf, baseTensors, trunks, test })
    const known = new Map()
    for (const move of moves) {
      if (!known.has(move.version))
        known.set(move.version, accuracyOf(await registry.load(move.version)))
      move.accuracy = known.get(move.version)
    }
    await registry.close()
    return { moves, versions, counts }
  } finally {
    await trunks.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function scorerOf({ config, base, tf, baseTensors, trunks, test }) {
  const settings = config.models[MODEL]
  const [method, adapter] = [methodOf(settings), adapterOf(settings)]
  const trunk = await trunks.open(base, 0)
  const latents = await trunk.encode(
    test.map(({ features }) => base.encode({ kind: 'features', features }, 0)),
  )
  return ({ manifest, parameters }) => {
    const head = manifest.facts.labels
    const trainable = openTrainable({
      ...{ base, method, task: classificationOf(head), config: adapter, tf, head, parameters },
      baseTensors: baseTensors(base),
      hyperparameters: settings.train,
      regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
    })
    const answers = trainable.score(latents).map((row) => head[row.indexOf(Math.max(...row))])
    trainable.dispose()
    const right = answers.filter((label, at) => label === test[at].label).length
    return (100 * right) / test.length
  }
}
