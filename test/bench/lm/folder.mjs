/** SmolLM2 as torch reads it: the numbers of our own base, widened to float32, in the layout of Hugging Face. Written once. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeSafetensors } from '../../../dist/src/nn/containers/safetensors.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
  vocab_size: 49_152,
  bos_token_id: 1,
  eos_token_id: 2,
  pad_token_id: 2,
}

export function lmFolder(base) {
  const folder = join(userCache(), 'bench', `smollm2-${base.hash.slice(0, 12)}`)
  if (existsSync(folder)) return folder
  const work = `${folder}.work`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  writeFileSync(join(work, 'config.json'), JSON.stringify(CONFIG))
  const weights = [...base.weights].filter(([name]) => name.startsWith('model.'))
  const tensors = weights.map(([name, tensor]) => [
    name,
    name.endsWith('_proj.weight') ? turned(tensor) : tensor,
  ])
  writeFileSync(join(work, 'model.safetensors'), writeSafetensors(new Map(tensors)))
  renameSync(work, folder)
  return folder
}

/** [in, out] → [out, in]. */
function turned({ shape: [rows, columns], data }) {
  const out = new Float32Array(data.length)
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      out[column * rows + row] = data[row * columns + column]
  return { shape: [columns, rows], data: out }
}
