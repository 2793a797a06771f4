/**
 * The stages in which native TensorFlow is sought, best first; each is proven by multiplying two matrices in a child
 * process. The first proof ends the climb.
 *
 * The wheel comes before the official prebuilt: it is four years newer, faster, and checked against a pinned hash,
 * while the official one lies at a place that many networks block, which costs a wait. Without pip or a compiler the
 * wheel says so at once, and the official one has its turn.
 */
import { cachedStage, installedStage } from './installed.mjs'
import { officialStage } from './official.mjs'
import { prove } from './prove.mjs'
import { wasmStage } from './wasm.mjs'
import { wheelStage } from './wheel.mjs'

export const STAGES = [installedStage, cachedStage, wheelStage, officialStage]

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
