/**
 * The engine that a model learns on. Loading TensorFlow takes most of a second and a hundred megabytes, so a trainer
 * process opens it for the first model that needs it. A small network or a head alone, without a kNN memory, learns in
 * plain JavaScript and never does.
 */
import type { AdapterPlan } from '../../adapters/adapter.ts'
import type { Base } from '../../contracts/base.ts'
import type { Logger } from '../../contracts/core.ts'
import { openTensorFlow, type TensorFlow } from '../../nn/tfjs/tensorflow.ts'
import { BaseTensors } from './eager-pass.ts'
import { isPlain } from './plain-adapter.ts'
import { invariant } from '../../platform/errors.ts'

/** What the steps of a model run on. */
export interface TrainingEngine {
  readonly tf: TensorFlow
  /** `tensorflow`, `wasm`, or `javascript` for a model that needs neither. */
  readonly engine: string
  /** What decides the last bits of its sums, for a person. */
  readonly arithmetic: string
  readonly baseTensors: (base: Base) => BaseTensors
  /** Tensors that it holds. */
  readonly tensors: () => number
}

/** The engine of one model: TensorFlow, opened once for all models of the process, or plain JavaScript. */
export type EngineOf = (needs: {
  readonly plan: Omit<AdapterPlan, 'outputs'>
  /** Whether a policy keeps examples, which are embedded by TensorFlow. */
  readonly hasMemory: boolean
}) => Promise<TrainingEngine>

export function trainingEngines(threads: number, log: Logger): EngineOf {
  let opening: Promise<TrainingEngine> | undefined
  return async ({ plan, hasMemory }) => {
    const isClosedForm = plan.method.open(plan.config).closedForm !== undefined
    if (!hasMemory && !isClosedForm && isPlain({ ...plan, outputs: 1 })) return plainEngine
    opening ??= open(threads, log)
    return opening
  }
}

async function open(threads: number, log: Logger): Promise<TrainingEngine> {
  const { tf, backend, version, arithmetic, reason } = await openTensorFlow({ threads })
  if (backend === 'tensorflow') log.info({ backend, version, arithmetic }, 'training engine')
  else log.warn({ backend, version, reason }, 'training is slow: no native TensorFlow')
  return { ...on(tf), engine: backend, arithmetic, tensors: () => tf.memory().numTensors }
}

function on(tf: TensorFlow): Pick<TrainingEngine, 'tf' | 'baseTensors'> {
  const uploaded = new Map<Base, BaseTensors>()
  return {
    tf,
    baseTensors(base) {
      const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
      uploaded.set(base, tensors)
      return tensors
    },
  }
}

/** In place of TensorFlow, where nothing asks for it. */
const absent = new Proxy({} as TensorFlow, {
  get: (_, name) =>
    invariant(false, `a model in plain JavaScript asks TensorFlow for ${String(name)}`),
})

const plainEngine: TrainingEngine = {
  ...on(absent),
  engine: 'javascript',
  arithmetic: 'JavaScript',
  tensors: () => 0,
}
