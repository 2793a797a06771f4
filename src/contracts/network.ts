/** Networks, written once against `Ops`, and the base that a network belongs to. */
import type { Json, Plugin, Tensors } from './core.ts'
import type { Input } from './stream.ts'

/**
 * The operations that every network is written against. The TensorFlow engine computes and differentiates them; the
 * ONNX engine records a graph.
 *
 * Activations are rank 3, [batch, positions, width]; pooled ones have one position. Parameters of an adapter come
 * through `param`: a matrix [in, out] or a vector [width]. In the recorded graph they are inputs, stacked over the
 * adapters of the batch and gathered per row, so a handle may actually be [batch, in, out] or [batch, 1, width];
 * `matMul` and broadcasting hide this. Code written against Ops must not look at the shapes of activations.
 */
export interface Ops<T> {
  /** A frozen weight of the base, under the name and orientation of the network's own loader. */
  weight(name: string): T
  /** A trainable tensor of the adapter. An unknown name is a bug of ours (invariant). */
  param(name: string): T
  scalar(value: number): T
  /** x [b, s, in] · w [in, out] (or per-row [b, in, out]) → [b, s, out]. */
  matMul(x: T, w: T): T
  /** The transpose of a matrix [in, out]: [out, in]. */
  transpose(w: T): T
  /** Attention products: a [b, h, m, k] · b [b, h, k, n]; `transposeB` takes b as [b, h, n, k]. */
  batchMatMul(a: T, b: T, transposeB?: boolean): T
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  div(a: T, b: T): T
  /** Over the last axis. */
  softmax(x: T): T
  /** Over the last axis: scale · (x − mean) / √(var + eps) + bias. */
  layerNorm(x: T, scale: T, bias: T, eps: number): T
  /** Over the last axis: scale · x / √(mean(x²) + eps). */
  rmsNorm(x: T, scale: T, eps: number): T
  /** x · sigmoid(x). */
  silu(x: T): T
  /** Exact (erf) GELU. */
  gelu(x: T): T
  relu(x: T): T
  tanh(x: T): T
  sqrt(x: T): T
  /** Natural logarithm, of numbers greater than 0. */
  log(x: T): T
  maximum(a: T, b: T): T
  /** Rows of table [n, d] by ids [b, s] → [b, s, d]. */
  gather(table: T, ids: T): T
  /** The first s rows of table [n, d], s the last size of `ids` [b, s] (or of a mask) → [1, s, d]. */
  positions(table: T, ids: T): T
  /** [b, s, h·d] → [b, h, s, d]. */
  splitHeads(x: T, heads: number): T
  /** [b, h, s, d] → [b, s, h·d]. */
  mergeHeads(x: T): T
  /** Columns [from, to) of the last axis. */
  columns(x: T, from: number, to: number): T
  /** Concatenates along the last axis; all other sizes are equal. */
  concat(parts: readonly T[]): T
  /** mask [b, s] of 1 and 0 → additive [b, 1, 1, s]: 0 where 1, −1e9 where 0. */
  attentionBias(mask: T): T
  /** The same for a decoder → [b, 1, s, s]: about −1e9 also where the key (last axis) comes after the query. */
  causalBias(mask: T): T
  /** The last position with mask 1: x [b, s, d], mask [b, s] → [b, 1, d]. */
  lastPosition(x: T, mask: T): T
  /** Selects the first `first` and the last `last` of the positions with mask 1: mask [b, s] → [b, s, 1] of 1 and 0. */
  ends(mask: T, first: number, last: number): T
  /** Mean over the positions with mask 1: x [b, s, d], mask [b, s] → [b, 1, d]. */
  maskedMean(x: T, mask: T): T
  /** x / max(‖x‖, 1e-6) over the last axis. */
  unit(x: T): T
  /**
   * Dropout. In a training step each number is 0 with probability `rate` and x / (1 − rate) otherwise, drawn again for
   * each step and `place`; everywhere else it returns x.
   */
  dropout(x: T, rate: number, place: string): T
  /** Present where the engine keeps the keys and values of a row's earlier positions, and is given only its new ones. */
  readonly cachedAttention?: (parts: CausalAttention<T>) => T
  /** Present where the engine has it in one operation. A row's positions with mask 0 come after the others. */
  readonly causalAttention?: (parts: CausalAttention<T>) => T
}

/**
 * Causal attention of positions to earlier ones and to each other, with rotary positions (Su et al. 2021)
 * → [b, s, heads · d]. Key and value heads are shared by `heads / keyHeads` heads of queries each.
 */
export interface CausalAttention<T> {
  /** [b, s, heads · d], not turned yet. */
  readonly query: T
  /** [b, s, keyHeads · d], not turned yet. */
  readonly key: T
  readonly value: T
  readonly heads: number
  readonly keyHeads: number
  readonly headSize: number
  /** Tables [positions, d]: both halves of a row are equal. */
  readonly cos: T
  readonly sin: T
}

/** A named place in the tail where an adapter can act. */
export interface TargetModule {
  /** Stable name inside the base, e.g. `encoder.layer.5.attention.self.query`; also the PEFT module path. */
  readonly name: string
  readonly kind: 'linear' | 'output' | 'norm'
  /**
   * The role, by which a config picks target modules: query key value attention-output intermediate output pooler norm
   * …
   */
  readonly role: string
  /** Layer index from 0, bottom first; the pooling map above the layers has index `layers`. */
  readonly layer: number
  readonly inSize: number
  readonly outSize: number
  /**
   * The name of its matrix or scale among the base's weights; absent = `<name>.weight`. Its bias is always
   * `<name>.bias`.
   */
  readonly weight?: string
  /** A map or norm of a network that has no bias there: no method may train one. */
  readonly hasBias?: false
}

/**
 * How a method changes the network. The network calls these at each target module, adapted or not, and may also call
 * them below the cut when its trunk does not cover those layers.
 */
export interface Adaptation<T> {
  /**
   * A linear map. `weight` [in, out] and `bias` are frozen handles (0 where the module has none), and `plain()` computes
   * x·weight + bias. The result replaces the output of the map; without an adapter it is `plain()`.
   */
  linear(site: string, x: T, weight: T, bias: T, plain: () => T): T
  /**
   * A norm: `apply` computes it with the given scale and bias [width]; `scale` and `bias` are the frozen ones. Where the
   * module has no bias, `apply` ignores it.
   */
  norm(site: string, scale: T, bias: T, apply: (scale: T, bias: T) => T): T
  /** A layer's output (after its residual sum and norm, if it has them): h [b, s, d], mask [b, s] → h'. */
  output(site: string, h: T, mask: T): T
}

/** One row of a network's input, tokenised or vectorised: the result of `encode`. */
export type Encoded =
  | {
      readonly kind: 'tokens'
      readonly ids: Int32Array
      /** How many tokens of a longer text were cut off; absent = none. Not part of a checkpoint. */
      readonly dropped?: number
      /** `ids` are these texts, one after the other, each computed by itself; absent = one text. */
      readonly sequences?: readonly TokenSequence[]
      /** Its answers are compared with those of the base without an adapter. */
      readonly isCompared?: true
    }
  | { readonly kind: 'vector'; readonly values: Float32Array }

/** A prompt and the answer that follows it. */
export interface TokenSequence {
  /** Tokens of both. */
  readonly length: number
  /** The place of the answer's first token: at least 1, and less than `length`. */
  readonly answerFrom: number
}

/**
 * The trunk's activations for one row at the cut: [positions, width], row-major. This is the latent that replay stores.
 */
export interface Latent {
  readonly positions: number
  readonly width: number
  readonly data: Float32Array
  /** Of a row of several sequences: `positions` are theirs, one after the other. */
  readonly sequences?: readonly LatentSequence[]
  /** As its `Encoded` says. */
  readonly isCompared?: true
}

/** A sequence without its last token, which has nothing to predict. */
export interface LatentSequence {
  readonly positions: number
  /** The first position that predicts a token of the answer; each one after it predicts the next. */
  readonly from: number
  /** The answer's tokens. */
  readonly answer: Int32Array
}

/**
 * The trunk's input: `ids` [b, s] int32 (text) or `values` [b, 1, width]; `mask` [b, s] float, 1 for real positions.
 */
export interface NetworkInput<T> {
  readonly ids?: T
  readonly values?: T
  readonly mask: T
}

/**
 * A frozen network, defined once. `cut` = number of trunk layers; the tail is layers [cut, layers).
 * With the identity adaptation, pool(tail(trunk(x))) is the base's published output.
 */
export interface Network {
  readonly layers: number
  /** Width of the embedding that `pool` returns. */
  readonly width: number
  /** Whether the embedding has unit length, as published text bases do; a task scales its logits accordingly. */
  readonly unit: boolean
  /** Width of the latent at a cut. */
  latentWidth(cut: number): number
  /** All target modules of the tail, in the order in which the network reaches them. */
  sites(cut: number): readonly TargetModule[]
  trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T
  /** → every position [b, s, w]; a task that reads positions takes these. */
  tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T
  /** What the tail returned → embedding [b, 1, width], of unit length for text bases. */
  pool<T>(ops: Ops<T>, positions: T, mask: T, adaptation: Adaptation<T>): T
  /** Present where the base has statistics: what kept examples are compared by in a mixture. */
  readonly compared?: ComparedInput
  /** Present where what the tail returns says how likely each next token is. */
  readonly vocabulary?: Vocabulary
}

/** Logits of the next token = tail(…) · Eᵀ, without a bias. `weight` names E, [size, width], among the base's weights. */
export interface Vocabulary {
  readonly size: number
  readonly weight: string
}

/** An input as examples are compared by it: standardised, before any layer. */
export interface ComparedInput {
  /** Leading numbers of a latent that decide it, and how many it has itself. */
  readonly numbers: number
  readonly width: number
  /** A latent, or its leading numbers → [b, 1, width]. */
  of<T>(ops: Ops<T>, values: T): T
}

/**
 * `orthonormal`: uniform among the matrices with orthonormal columns. `weight`: a copy of that frozen weight of the
 * base. `like`: a copy of a parameter declared earlier with the same shape.
 */
export interface ParameterSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly start:
    | 'zeros'
    | 'ones'
    | 'orthonormal'
    | { readonly normal: number }
    | { readonly weight: string }
    | { readonly like: string }
}

/**
 * Statistics that a base takes from the stream because it cannot know them beforehand, such as means. They are counted
 * and never differentiated, but otherwise are parameters like any other: every version and every checkpoint holds them,
 * so that the server answers with exactly the numbers that the trainer used.
 */
export interface Statistics {
  readonly parameters: readonly ParameterSpec[]
  /** The statistics after these inputs, in order. Called once for each new example, before the step that learns it. */
  observe(before: Tensors, rows: readonly Latent[]): Tensors
  /** Converts the statistics of an earlier release to the present form; leaves other entries of `tensors` unchanged. */
  adopt?(tensors: Tensors): Tensors
  /**
   * Writes what the input is relative to (`before`) into the input itself, so that a much later replay sees the values
   * of its own moment. Embedded with `before`, it equals the plain input. Only for bases with a trunk that returns its
   * input.
   */
  stamp?(before: Tensors, row: Latent): Latent
}

/** How a version and a checkpoint name their base. */
export interface BaseIdentity {
  readonly name: string
  readonly hash: string
  /** The base's own numbers (such as its schema), where it has any. */
  readonly settings?: string
}

/** Carries what was learned on an earlier base over to the present one. All of it copies. */
export interface Succession {
  /** The earlier base. */
  readonly base: Base
  /** Frozen weights that have changed: adapter tensors that depend on them are not carried over. */
  readonly replaced: readonly string[]
  /** Converts an input of the earlier base to an input of this one. */
  row(row: Encoded): Encoded
  /** Converts adapter tensors, and tensors that belong to one under a longer name (`optimizer/…`). */
  tensors(tensors: Tensors): Tensors
  /** The differences, as text for people. */
  readonly told: string
}

/**
 * A frozen pretrained network with its tokenizer or vectoriser. Opened once per process and shared by all models on it.
 */
export interface Base {
  /** `use-lite`, `bert`, `features`. */
  readonly name: string
  /** sha256 over weights, config and tokenizer: bases with the same hash give the same output. */
  readonly hash: string
  /** The name of this view's trunk among the trunks of one hash, if it differs; absent = the base's own trunk. */
  readonly trunk?: string
  /** The published base, built on that other trunk; absent = any trunk of the base will do. */
  readonly published?: Base
  readonly inputKind: Exclude<Input['kind'], 'messages'>
  /** Present where it is a language model: it also takes messages, and continues texts. */
  readonly language?: LanguageModel
  /** The matrices of its trunk are computed in 8 bits, in the trainer and in the server; its tail never is. */
  readonly quantize?: 'int8'
  readonly network: Network
  /** Frozen weights under the names that `network` uses; matrices are [in, out]. */
  readonly weights: Tensors
  /** The statistics it takes from its inputs, if any. */
  readonly statistics?: Statistics
  /** The definition it was made from, as text; absent if a checkpoint cannot move from it to another base. */
  readonly settings?: string
  /** How to carry over what was learned on another base; undefined = impossible. */
  successionFrom?(before: BaseIdentity): Succession | undefined
  /**
   * Tokenises or vectorises; throws a coded, non-retriable error for input that it cannot take. `maxTokens` truncates,
   * and `dropped` reports it.
   */
  encode(input: Input, maxTokens: number): Encoded
}

/**
 * Text and token ids of a language model. No text of a user's becomes a control token, whatever it holds: only the chat
 * template writes those.
 */
export interface LanguageModel {
  /**
   * What an answer continues: a conversation as the chat template writes it, with the assistant's turn opened, or a raw text.
   * Not truncated. Throws a coded error for a conversation that the template refuses.
   */
  prompt(input: Input): Int32Array
  /** A text that follows others, such as an answer: no markers, no control tokens. */
  tokens(text: string): Int32Array
  /** Without control tokens; incomplete characters at its ends become U+FFFD. */
  text(ids: Int32Array | readonly number[]): string
  /** Tokens that end an answer; the first one ends those that are learned. Never empty. */
  readonly ends: readonly number[]
  /** How many tokens prompt and answer may have together. */
  readonly positions: number
}

/**
 * Trunk activations, one row at a time so that they do not depend on the other rows of a batch; runs off the JavaScript
 * thread.
 */
export interface TrunkEngine {
  encode(rows: readonly Encoded[]): Promise<readonly Latent[]>
  /** The same, synchronously and without failure, when the trunk is so cheap that caching its latents would not pay. */
  encodeNow?(row: Encoded): Latent
  close(): Promise<void>
}

/** A base as a plug-in. */
export interface BasePlugin extends Plugin<Promise<Base>> {
  /** The one setting that stands in the place of the mapping: `{ bert: ./folder }`. */
  readonly inline?: string
  /** The same without its weights, where `open` takes long; `encode` is not called. */
  shape?(settings: Readonly<Record<string, unknown>>): Promise<Base>
  /** The defaults of a model on it if the config names no adapter, from the base's settings as they are written. */
  defaults?(settings: Readonly<Record<string, unknown>>): ModelDefaults
  /** What no single setting shows: what is wrong with a model on it. */
  check?(settings: Readonly<Record<string, unknown>>, model: ModelOnBase): readonly ModelFault[]
  /** An input, for the documentation of a model; absent = a text. */
  example?(settings: Readonly<Record<string, unknown>>): Json
}

/** Each stands where the config says nothing. */
export interface ModelDefaults {
  /** Of the base's own settings. */
  readonly base?: Readonly<Record<string, Json>>
  readonly adapter: Readonly<Record<string, Json>>
  readonly train?: Readonly<Record<string, Json>>
  readonly replay?: Readonly<Record<string, Json>>
  /** Only for a task with classes. */
  readonly memory?: Readonly<Record<string, Json>>
}

export interface ModelOnBase {
  /** Whether its head is computed from sums. */
  readonly isClosedForm: boolean
  /** Whether stored examples vote by embeddings that no statistics may change. */
  readonly hasMemory: boolean
  readonly limits: { readonly features: number }
}

export interface ModelFault {
  /** Below the model. */
  readonly path: readonly (string | number)[]
  /** A clause that follows the place. */
  readonly message: string
}
