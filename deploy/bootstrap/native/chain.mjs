/**
 * The stages in which native TensorFlow is sought, best first; each is proven by multiplying two matrices in a child
 * process. The first proof ends the climb.
 *
 * The wheel comes before the official prebuilt: it is four years newer, faster, and checked against a pinned hash,
 * while the official one lies at a place that many networks block, which costs a wait. Without pip or a compiler the
 * wheel says so at once, and the official one has its turn.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runTool, reasonLine } from '../tool.mjs'
import { cachedStage, installedStage } from './installed.mjs'
import { officialStage } from './official.mjs'
import { wheelStage } from './wheel.mjs'

/**
 * Proof that an engine works: a child process loads it and multiplies two matrices. A child, because a library that
 * does not fit the processor or the system kills its process.
 */
const CHILD = join(fileURLToPath(import.meta.url), '..', 'multiply.cjs')

/** Answers `{ ok, tensorflow, proof }` or `{ ok: false, reason, fix }`; `engine` is native or wasm. */
async function prove({ root, env, nodeModules }, engine) {
  if (!existsSync(nodeModules))
    return { ok: false, reason: 'the npm packages are missing', fix: 'npm ci' }
  const result = await runTool(process.execPath, [CHILD, engine, root], {
    cwd: root,
    env: { ...env, TF_CPP_MIN_LOG_LEVEL: '2' },
    timeoutSeconds: 120,
  })
  const answer = result.output.split('\n').find((line) => line.startsWith('{"product":'))
  if (result.code === 0 && answer) {
    const { tensorflow, ...proof } = JSON.parse(answer)
    return { ok: true, tensorflow, proof: { ...proof, seconds: result.seconds } }
  }
  const illegal = result.signal === 'SIGILL'
  return {
    ok: false,
    reason: illegal
      ? 'the processor lacks instructions that it needs (AVX)'
      : `does not load: ${reasonLine(result)}`,
    fix: illegal
      ? 'use a machine with AVX'
      : 'see the reason; delete the cache folder and run `npx antikythera setup`',
  }
}

/** Stage 4: TensorFlow.js on WebAssembly. It always works, and is fine for heads and feature vectors. */
const wasmStage = {
  stage: 'wasm',
  title: 'WebAssembly',
  async reach() {
    return { ok: true, reason: 'no native TensorFlow could be had' }
  },
}

/** The warning says for each stage why it failed and how to fix it. */
export function wasmWarning(attempts) {
  const rule = '!'.repeat(78)
  const lines = attempts.flatMap(({ title, reason, fix }) => [
    `!  ${title}: ${reason}`,
    ...(fix ? [`!      to fix it: ${fix}`] : []),
  ])
  return [
    rule,
    '!  NO NATIVE TENSORFLOW: training runs on WebAssembly.',
    '!  Everything works, but training a transformer is about 20 times slower.',
    '!',
    ...lines,
    '!',
    '!  After fixing any one of these, `npx antikythera setup` tries again.',
    rule,
  ].join('\n')
}

const STAGES = [installedStage, cachedStage, wheelStage, officialStage]

/**
 * A stage is `{ stage, title, reach(context) }`; `reach` puts the binding where tfjs-node looks for it and answers
 * `{ ok, stage, reason, fix }`, and `undo(context)` removes what turned out not to work.
 */
export async function climb(context, wanted = 'auto', stages = STAGES) {
  const attempts = []
  for (const candidate of stages) {
    if (!isWanted(candidate.stage, wanted)) continue
    const result = await tryOne(candidate, context)
    attempts.push(result)
    if (result.ok) return outcome(result, attempts)
  }
  const last = await tryOne(wasmStage, context)
  return outcome({ ...last, reason: last.ok ? whyWasm(attempts) : last.reason }, attempts)
}

async function tryOne(candidate, context) {
  const started = Date.now()
  const reached = await candidate.reach(context).catch((error) => {
    if (error.code === 'ENOSPC') throw error
    return { ok: false, reason: error.message, fix: error.fix }
  })
  let result = { stage: candidate.stage, title: candidate.title, ...reached }
  if (reached.ok) {
    context.progress.doing('Proving it: two matrices in a child process')
    const proof = await prove(context.places, candidate.stage === 'wasm' ? 'wasm' : 'native')
    result = { ...result, ...proof }
    if (!proof.ok) await candidate.undo?.(context, reached)
  }
  return { ...result, seconds: (Date.now() - started) / 1000 }
}

function outcome({ stage, tensorflow, reason, proof }, attempts) {
  const tried = attempts.map(({ title, ok, reason, fix, seconds }) => ({
    title,
    ok,
    reason,
    fix,
    seconds,
  }))
  return { stage, tensorflow, reason, proof, attempts: tried }
}

function isWanted(stage, wanted) {
  return wanted === 'auto' || wanted === stage || ['installed', 'cached'].includes(stage)
}

/** The reason nearest to success says most: what stopped the build, not that there was no earlier one. */
function whyWasm(attempts) {
  const telling = attempts.find(({ stage }) => stage === 'wheel') ?? attempts.at(-1)
  return telling ? `${telling.title}: ${telling.reason}` : 'no native stage was allowed'
}
