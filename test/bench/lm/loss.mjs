/** What 8 bits cost: the loss of a token of answers that a language model has not learned, as the trainer computes it. */
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { quantized } from '../../../dist/src/adapters/quantized.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { generalHeldOut, heldOutQuestions } from '../../../dist/src/cli/demo/chat/data.js'
import { answersIn } from '../../../dist/src/nn/answer-outputs.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods } from '../../../dist/src/plugins.js'
import { lmTask } from './plan.mjs'
import { round } from '../lib/figures.mjs'

/** Mean over answers of −log p of a token: general texts, and the questions of the demo. */
export async function lossesOf(plain, config) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const rows = [...generalHeldOut, ...heldOutQuestions]
  const float32 = await lossOf(tf, plain, config, rows)
  const int8 = await lossOf(tf, quantized(plain), config, rows)
  return { texts: rows.length, float32: round(float32, 4), int8: round(int8, 4) }
}

async function lossOf(tf, base, config, rows) {
  const [method, task, { language }] = [methods[config.method], lmTask(), base]
  const seen = viewOf(base, method, config)
  const cut = cutOf(config.tail_layers, base.network.layers)
  const trunk = await openTrunkEngine(seen, cut)
  const encoded = rows.map(({ question, answer }) => {
    const input = { kind: 'messages', messages: [{ role: 'user', content: question }] }
    const target = { kind: 'completion', completion: answer }
    return task.texts.encode(input, target, { language, maxTokens: 256 })
  })
  const latents = await trunk.encode(encoded)
  await trunk.close()
  const baseTensors = new BaseTensors(tf, seen)
  const plan = { base: seen, method, config, task, outputs: task.outputs(task.start) }
  const trainable = openTrainable({
    ...{ ...plan, tf, baseTensors, head: task.start },
    parameters: freshAdapter(plan, openRandom(1, 'bench')),
    hyperparameters: { learning_rate: 0, optimizer: 'sgd', momentum: 0, clip_norm: 1 },
    regularizer: NONE,
  })
  const losses = trainable.score(latents).map((outputs) => {
    const [{ logs }] = answersIn(outputs)
    return -logs.reduce((sum, value) => sum + value, 0) / logs.length
  })
  trainable.dispose()
  baseTensors.dispose()
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}

const NONE = {
  penalty: () => undefined,
  observe: () => undefined,
  snapshot: () => new Map(),
  restore: () => undefined,
}
