/** @huggingface/transformers as a peer of the serving benchmark: <folder it is installed in> <folder of the model>. */
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [installed, model] = process.argv.slice(2)
const require = createRequire(join(installed, 'package.json'))
const name = '@huggingface/transformers'
const { AutoModel, Tensor, env } = await import(pathToFileURL(require.resolve(name)).href)
env.allowRemoteModels = false
env.localModelPath = dirname(model)
const encoder = await AutoModel.from_pretrained(basename(model), {
  dtype: 'fp32',
  session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
})
say({ version: env.version })

for await (const line of createInterface({ input: process.stdin })) {
  const { batch, tokens, times, embed } = JSON.parse(line)
  if (embed !== undefined) {
    const { last_hidden_state: hidden } = await encoder(inputs(1, embed))
    say({ embedding: pooled(hidden) })
    continue
  }
  const feeds = inputs(batch, tokens)
  const ms = []
  const worked = process.cpuUsage()
  for (let at = 0; at < times; at += 1) {
    const began = performance.now()
    await encoder(feeds)
    ms.push(performance.now() - began)
  }
  const { user, system } = process.cpuUsage(worked)
  say({ ms, cpuMs: (user + system) / 1000 / times })
}

function inputs(batch, tokens) {
  const tensor = (value) =>
    new Tensor('int64', BigInt64Array.from({ length: batch * tokens }, value), [batch, tokens])
  const id = (at) => 200 + ((Math.floor(at / tokens) * 104729 + (at % tokens) * 7919) % 7000)
  return {
    input_ids: tensor((_, at) => BigInt(id(at))),
    attention_mask: tensor(() => 1n),
    token_type_ids: tensor(() => 0n),
  }
}

function pooled({ dims, data }) {
  const [, positions, width] = dims
  const mean = Array.from({ length: width }, (_, column) => {
    let sum = 0
    for (let at = 0; at < positions; at += 1) sum += data[at * width + column]
    return sum / positions
  })
  const length = Math.hypot(...mean)
  return mean.map((value) => value / length)
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
