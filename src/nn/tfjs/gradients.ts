/**
 * Operations with hand-written gradients: fewer kernels than tfjs derives, and right where tfjs is not (a maximum that broadcasts,
 * a vector of length zero).
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { TensorFlow } from './tensorflow.ts'

type Tensor = tfc.Tensor

/**
 * To spread into an Ops, but for `normalize`, (x − mean) / √(var + eps) over the last axis, and `normalizeRms`,
 * x / √(mean(x²) + eps): the norms scale and shift them.
 */
export function gradientsOf(tf: TensorFlow) {
  return {
    normalize: (x: Tensor, eps: number) => normalize(tf, x, eps),
    normalizeRms: (x: Tensor, eps: number) => normalizeRms(tf, x, eps),
    silu: (x: Tensor) => silu(tf, x),
    gelu: (x: Tensor) => gelu(tf, x),
    relu: (x: Tensor) => relu(tf, x),
    maximum: (a: Tensor, b: Tensor) => maximum(tf, a, b),
    unit: (x: Tensor) => unit(tf, x),
  }
}

/**
 *   y = (x − mean) · r,   r = 1 / √(var + eps)
 *   dx = r · (dy − mean(dy) − y · mean(dy · y))
 *
 * Ba, Kiros, Hinton (2016), "Layer normalization".
 */
function normalize(tf: TensorFlow, x: Tensor, eps: number): Tensor {
  return withGradient(tf, x, (x) => {
    const centred = tf.sub(x, tf.mean(x, -1, true))
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps))
    const y = tf.mul(centred, r)
    return {
      y,
      saved: [y, r],
      gradient(dy, y, r) {
        const along = tf.mul(y, tf.mean(tf.mul(dy, y), -1, true))
        return tf.mul(r, tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along))
      },
    }
  })
}

/**
 *   y = x · r,   r = 1 / √(mean(x²) + eps)
 *   dx = r · (dy − y · mean(dy · y))
 *
 * Zhang, Sennrich (2019), "Root mean square layer normalization", NeurIPS.
 */
function normalizeRms(tf: TensorFlow, x: Tensor, eps: number): Tensor {
  return withGradient(tf, x, (x) => {
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), eps))
    const y = tf.mul(x, r)
    return {
      y,
      saved: [y, r],
      gradient: (dy, y, r) => tf.mul(r, tf.sub(dy, tf.mul(y, tf.mean(tf.mul(dy, y), -1, true)))),
    }
  })
}

/**
 *   y = x · s,   s = 1 / (1 + exp(−x))
 *   dx = dy · (s + y · (1 − s))
 *
 * Hendrycks, Gimpel (2016), "Gaussian error linear units".
 */
function silu(tf: TensorFlow, x: Tensor): Tensor {
  return withGradient(tf, x, (x) => {
    const s = tf.sigmoid(x)
    const y = tf.mul(x, s)
    return {
      y,
      saved: [y, s],
      gradient: (dy, y, s) => tf.mul(dy, tf.add(s, tf.mul(y, tf.sub(1, s)))),
    }
  })
}

/**
 *   y = x · Φ(x),   Φ(x) = (1 + erf(x / √2)) / 2
 *   dx = dy · (Φ(x) + x · exp(−x² / 2) / √(2π))
 *
 * Hendrycks, Gimpel (2016), "Gaussian error linear units".
 */
function gelu(tf: TensorFlow, x: Tensor): Tensor {
  return withGradient(tf, x, (x) => {
    const phi = tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5)
    return {
      y: tf.mul(x, phi),
      saved: [x, phi],
      gradient(dy, x, phi) {
        const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
        return tf.mul(dy, tf.add(phi, tf.mul(x, density)))
      },
    }
  })
}

/** dx = dy where y > 0, else 0. */
function relu(tf: TensorFlow, x: Tensor): Tensor {
  return withGradient(tf, x, (x) => {
    const y = tf.relu(x)
    return {
      y,
      saved: [y, y],
      gradient: (dy, y) => tf.mul(dy, tf.cast(tf.greater(y, 0), 'float32')),
    }
  })
}

/**
 *   y = x / n,   n = max(‖x‖, 1e-6)
 *   dx = (dy − y · ⟨dy, y⟩) / n;   at the bound n is a constant: dx = dy / n
 */
function unit(tf: TensorFlow, x: Tensor): Tensor {
  return withGradient(tf, x, (x) => {
    const n = tf.maximum(tf.sqrt(tf.sum(tf.square(x), -1, true)), SMALLEST_NORM)
    const y = tf.div(x, n)
    return {
      y,
      saved: [y, n],
      gradient(dy, y, n) {
        const free = tf.cast(tf.greater(n, SMALLEST_NORM), 'float32')
        const along = tf.mul(tf.sum(tf.mul(dy, y), -1, true), free)
        return tf.div(tf.sub(dy, tf.mul(y, along)), n)
      },
    }
  })
}

/** Mixed by a mask that is a constant to the gradient; where both are equal the gradient goes to `a`. */
function maximum(tf: TensorFlow, a: Tensor, b: Tensor): Tensor {
  const choose = tf.customGrad<Tensor>(() => ({
    value: tf.cast(tf.greaterEqual(a, b), 'float32'),
    gradFunc: () => [tf.zerosLike(a), tf.zerosLike(b)],
  }))
  const fromA = choose(a, b)
  return tf.add(tf.mul(a, fromA), tf.mul(b, tf.sub(1, fromA)))
}

const SMALLEST_NORM = 1e-6

interface Forward {
  readonly y: Tensor
  /** Tensors of the forward pass that the gradient needs; kept only while gradients are recorded. */
  readonly saved: [Tensor, Tensor]
  readonly gradient: (dy: Tensor, first: Tensor, second: Tensor) => Tensor
}

function withGradient(tf: TensorFlow, x: Tensor, forward: (x: Tensor) => Forward): Tensor {
  return tf.customGrad<Tensor>((...inputs) => {
    const [x, save] = inputs as [Tensor, tfc.GradSaveFunc]
    const { y, saved, gradient } = forward(x)
    save(saved)
    return {
      value: y,
      gradFunc: (dy, kept) => gradient(dy, ...(kept as [Tensor, Tensor])),
    }
  })(x)
}
