/** The operations that networks, methods and heads are written against, and the parameters that they declare. */

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
  /**
   * The same for a decoder → [b, 1, s, s]: −1e9 also where the key (last axis) comes after the query, or is none of the last `window`
   * positions, the query's own among them. A mask of texts that continue one prompt has 1 for the prompt, which all of them see, and
   * 2, 3 … for each continuation, which only it sees.
   */
  causalBias(mask: T, window?: number): T
  /** For each position the row of a frozen table [n, d] after as many as it sees before itself, in any window → [b, s, d]. */
  causalPositions(table: T, mask: T): T
  /** The last position with mask 1: x [b, s, d], mask [b, s] → [b, 1, d]. */
  lastPosition(x: T, mask: T): T
  /** Selects the first `first` and the last `last` of the positions with mask 1: mask [b, s] → [b, s, 1] of 1 and 0. */
  ends(mask: T, first: number, last: number): T
  /** Mean over the positions with mask 1: x [b, s, d], mask [b, s] → [b, 1, d]. */
  maskedMean(x: T, mask: T): T
  /** The greatest number of each column among the positions with mask 1: x [b, s, d], mask [b, s] → [b, 1, d]. */
  maskedMax(x: T, mask: T): T
  /**
   * A convolution of each channel by itself over a square of positions, row by row, with zeros around it: x [b, side², d],
   * frozen w [k², d], k odd → [b, side², d].
   */
  depthwise(x: T, w: T, side: number): T
  /** x / max(‖x‖, 1e-6) over the last axis. */
  unit(x: T): T
  /**
   * Dropout. In a training step each number is 0 with probability `rate` and x / (1 − rate) otherwise, drawn again for
   * each step and `place`; everywhere else it returns x.
   */
  dropout(x: T, rate: number, place: string): T
  /** Present if the engine keeps the keys and values of a row's earlier positions, and is given only its new ones. */
  readonly cachedAttention?: (parts: CausalAttention<T>) => T
  /** Present if the engine has it in one operation. A row's positions with mask 0 come after the others. */
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
  /** Scores are multiplied by it. */
  readonly scale: number
  /** Only so many positions are attended to, the last ones and its own. */
  readonly window: number | undefined
  /** Tables [positions, d]: both halves of a row are equal. */
  readonly cos: T
  readonly sin: T
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
