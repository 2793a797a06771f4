/**
 * The encoder of BERT, top to bottom: ids → embeddings → layers, each attention then feed-forward with the norm after
 * the residual sum → the mean over real tokens → a unit vector, as published by sentence-transformers.
 *
 * Weights and target modules have the names of Hugging Face's `BertModel`, so an adapter's target modules are PEFT's
 * module paths.
 *
 * Devlin et al. (2019), "BERT", NAACL; Reimers and Gurevych (2019), "Sentence-BERT", EMNLP.
 */
import type { Adaptation, Network, NetworkInput, TargetModule } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { unadapted } from '../../nn/unadapted.ts'
import { invariant } from '../../platform/errors.ts'
import { attention, linear } from './attention.ts'
import type { BertActivation, BertConfig } from './config.ts'

export function bertNetwork(config: BertConfig): Network {
  const { layers, width } = config
  return {
    layers,
    width,
    unit: true,
    packs: true,
    latentWidth: () => width,

    sites: (cut) =>
      Array.from({ length: layers - cut }, (_, index) => layerSites(config, cut + index)).flat(),

    trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T {
      const pass = { config, ops, adaptation: unadapted<T>() }
      return transform(pass, embed(pass, input), input.mask, 0, cut)
    },

    tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T {
      return transform({ config, ops, adaptation }, hidden, mask, cut, layers)
    },

    pool: (ops, positions, mask) => ops.unit(ops.maskedMean(positions, mask)),
  }
}

/** One execution of the network: its ops, and its adapter. */
interface Pass<T> {
  readonly config: BertConfig
  readonly ops: Ops<T>
  readonly adaptation: Adaptation<T>
}

/** norm(word + position + type 0): a single text has type 0 throughout. */
function embed<T>(pass: Pass<T>, { ids }: NetworkInput<T>): T {
  invariant(ids !== undefined, 'bert reads token ids')
  const { ops } = pass
  const word = ops.gather(ops.weight('embeddings.word_embeddings.weight'), ids)
  const position = ops.positions(ops.weight('embeddings.position_embeddings.weight'), ids)
  const type = ops.weight('embeddings.token_type')
  return norm(pass, 'embeddings.LayerNorm', ops.add(ops.add(word, position), type))
}

/** Layers [from, to). */
function transform<T>(pass: Pass<T>, hidden: T, mask: T, from: number, to: number): T {
  if (from === to) return hidden
  const bias = pass.ops.attentionBias(mask)
  let x = hidden
  for (let layer = from; layer < to; layer += 1) {
    x = attend(pass, `encoder.layer.${layer}.attention`, x, bias)
    x = feedForward(pass, `encoder.layer.${layer}`, x)
    x = pass.adaptation.output(`encoder.layer.${layer}`, x, mask)
  }
  return x
}

function attend<T>(pass: Pass<T>, at: string, x: T, bias: T): T {
  const { ops, adaptation, config } = pass
  const query = linear(ops, adaptation, `${at}.self.query`, x)
  const key = linear(ops, adaptation, `${at}.self.key`, x)
  const value = linear(ops, adaptation, `${at}.self.value`, x)
  const headSize = config.width / config.heads
  const heads = attention(ops, { query, key, value, bias }, config.heads, headSize)
  const answer = linear(ops, adaptation, `${at}.output.dense`, heads)
  return norm(pass, `${at}.output.LayerNorm`, ops.add(answer, x))
}

function feedForward<T>(pass: Pass<T>, at: string, x: T): T {
  const { ops, adaptation, config } = pass
  const inner = linear(ops, adaptation, `${at}.intermediate.dense`, x)
  const active = activate(ops, config.activation, inner)
  const answer = linear(ops, adaptation, `${at}.output.dense`, active)
  return norm(pass, `${at}.output.LayerNorm`, ops.add(answer, x))
}

/** gelu-tanh: x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), Hendrycks and Gimpel (2016), arXiv:1606.08415. */
function activate<T>(ops: Ops<T>, activation: BertActivation, x: T): T {
  if (activation === 'gelu') return ops.gelu(x)
  if (activation === 'relu') return ops.relu(x)
  const cube = ops.mul(ops.mul(x, x), x)
  const inside = ops.add(x, ops.mul(cube, ops.scalar(0.044715)))
  const tanh = ops.tanh(ops.mul(inside, ops.scalar(Math.sqrt(2 / Math.PI))))
  return ops.mul(ops.mul(x, ops.scalar(0.5)), ops.add(tanh, ops.scalar(1)))
}

function norm<T>({ ops, config, adaptation }: Pass<T>, site: string, x: T): T {
  const [scale, bias] = [ops.weight(`${site}.weight`), ops.weight(`${site}.bias`)]
  const apply = (scale: T, bias: T) => ops.layerNorm(x, scale, bias, config.epsilon)
  return adaptation.norm(site, scale, bias, apply)
}

function layerSites({ width, inner }: BertConfig, layer: number): readonly TargetModule[] {
  const at = `encoder.layer.${layer}`
  const site = (path: string, role: string, inSize = width, outSize = width): TargetModule => {
    return { name: `${at}.${path}`, kind: 'linear', role, layer, inSize, outSize }
  }
  const norm = (path: string): TargetModule => ({ ...site(path, 'norm'), kind: 'norm' })
  return [
    site('attention.self.query', 'query'),
    site('attention.self.key', 'key'),
    site('attention.self.value', 'value'),
    site('attention.output.dense', 'attention-output'),
    norm('attention.output.LayerNorm'),
    site('intermediate.dense', 'intermediate', width, inner),
    site('output.dense', 'output', inner, width),
    norm('output.LayerNorm'),
    { name: at, kind: 'output', role: 'layer', layer, inSize: width, outSize: width },
  ]
}
