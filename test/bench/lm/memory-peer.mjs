/** The peer of `lm memory`: opens the file, writes 60 tokens, and says what it holds, in MiB. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [module, file, question] = process.argv.slice(2)
const resident = () => {
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (key) => Math.round(Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)[1]) / 1024)
  return { resident: of('VmRSS'), peak: of('VmHWM') }
}
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(module).href)
const llama = await getLlama({
  gpu: false,
  maxThreads: 1,
  build: 'never',
  logLevel: LlamaLogLevel.error,
})
const model = await llama.loadModel({ modelPath: file })
const context = await model.createContext({ contextSize: 1024, threads: 1, batchSize: 512 })
const ready = resident()
let left = 60
for await (const _ of context
  .getSequence()
  .evaluate(model.tokenize(question), { temperature: 0 })) {
  left -= 1
  if (left === 0) break
}
process.stdout.write(`\n${JSON.stringify({ ready, answered: resident() })}\n`)
process.exit(0)
