/**
 * The smallest things that learn, for tests of everything around them: a base that reads eight letters, and softmax
 * regression with momentum on it, in plain arithmetic. Real learning, a thousand times faster than a network.
 */
import { text } from '../../src/payloads/inputs/text.ts'
import { isOf } from '../../src/contracts/payload.ts'
import { createHash } from 'node:crypto'
import type {
  Embedder,
  StepResult,
  Trainable,
  TrainableState,
  TrainRow,
} from '../../src/contracts/adapter.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Base, TrunkEngine } from '../../src/contracts/base.ts'
import type { EncodedRow, Latent } from '../../src/contracts/network.ts'
import { failure } from '../../src/platform/errors.ts'
import type { Head } from '../../src/contracts/example.ts'
import { classificationHead } from '../../src/tasks/classification/head.ts'
import { labelsIn } from '../../src/tasks/labels/label-rules.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { classificationOf } from '../tasks/classification-of.ts'

const width = 8

export const tinyBase: Pick<Base, 'name' | 'hash' | 'encode'> = {
  name: 'tiny',
  hash: createHash('sha256').update('tiny').digest('hex'),
  encode(input) {
    if (!isOf(input, text)) throw failure('INPUT_WRONG_KIND', 'tiny reads text')
    if (input.text === '') throw failure('INPUT_EMPTY', 'no text')
    if (input.text === 'BUG') throw new TypeError('a defect of the tokenizer')
    return { data: Int32Array.from(input.text.slice(0, 64), (c) => c.charCodeAt(0)) }
  },
}

export const tinyTrunk: TrunkEngine = {
  encode: (rows) => Promise.resolve(rows.map(tinyLatent)),
  close: () => Promise.resolve(),
}

/** Counts of letters, by their code modulo the width. */
export function tinyLatent(row: EncodedRow): Latent {
  const data = new Float32Array(width)
  for (const id of row.data) data[id % width]! += 0.25
  return { positions: 1, width, data }
}

export const tinyEmbedder: Embedder = {
  of: (rows) => rows.map(({ data }) => data),
  close: () => {},
}

export function freshTiny(head: Head): Tensors {
  const tensors = classificationHead.parameters(width, labelsIn(head).length)
  return new Map(
    tensors.map(({ name, shape }) => [name, { shape, data: new Float32Array(sizeOf(shape)) }]),
  )
}

/** W and b learn by v ← 0.5·v − 0.1·∂L, W ← W + v. */
export class TinyTrainable implements Trainable {
  head: Head
  isDisposed = false
  #tensors: Map<string, Tensor>
  readonly #task: ReturnType<typeof classificationOf>
  readonly #retired: readonly string[]
  #steps = 0

  constructor(
    start: { readonly head: Head; readonly parameters: Tensors },
    retired: readonly string[] = [],
  ) {
    this.#retired = retired
    this.#task = classificationOf({ open: true, retired })
    this.head = start.head
    this.#tensors = new Map()
    for (const [name, tensor] of start.parameters) {
      this.#tensors.set(name, copy(tensor))
      this.#tensors.set(`optimizer/v/${name}`, {
        ...tensor,
        data: new Float32Array(tensor.data.length),
      })
    }
  }

  get #labels(): readonly string[] {
    return labelsIn(this.head)
  }

  score(rows: readonly Latent[]): readonly Float32Array[] {
    return rows.map((row) => this.#logits(row))
  }

  step(rows: readonly TrainRow[], rateFactor = 1): StepResult {
    const weight = this.#gradientOf('head.weight')
    const bias = this.#gradientOf('head.bias')
    let loss = 0
    for (const { latent, target: aim, weight: importance, part, logits: kept } of rows) {
      const target = aim as LabelTarget
      const logits = this.#logits(latent)
      const share = part?.target ?? importance / rows.length
      loss += this.#task.score(logits, target, this.head).loss * share
      const own = this.#retired.includes(target.label) ? 0 : share
      const among = this.#task
        .classes!.answering(this.head)
        .filter((at) => part?.among?.includes(at) !== false)
      const barred = logits.map((logit, at) => (among.includes(at) ? logit : -1e9))
      const shares = softmaxOf(barred)
      this.#labels.forEach((name, label) => {
        const pull = kept === undefined || label >= kept.length ? 0 : (part?.logits ?? 0)
        const away = pull === 0 ? 0 : (2 * pull * (logits[label]! - kept![label]!)) / kept!.length
        const error = own * (shares[label]! - (isWanted(target, name) ? 1 : 0)) + away
        bias[label]! += error
        for (let at = 0; at < width; at += 1)
          weight[at * this.#labels.length + label]! += error * latent.data[at]!
      })
    }
    this.#move('head.weight', weight, rateFactor)
    this.#move('head.bias', bias, rateFactor)
    this.#steps += 1
    return { loss, gradientNorm: 1, dropped: false }
  }

  grow(head: Head): void {
    this.head = head
    for (const [name, tensor] of this.#tensors) {
      const bare = name.replace('optimizer/v/', '')
      this.#tensors.set(name, classificationHead.grow(bare, tensor, this.#labels.length))
    }
  }

  parameters(): Tensors {
    const names = [...this.#tensors.keys()].filter((name) => !name.startsWith('optimizer/'))
    return new Map(names.map((name) => [name, copy(this.#tensors.get(name)!)]))
  }

  snapshot(): TrainableState {
    const tensors = new Map([...this.#tensors].map(([name, tensor]) => [name, copy(tensor)]))
    return { head: this.head, tensors, steps: this.#steps }
  }

  restore({ head, tensors, steps }: TrainableState): void {
    this.head = head
    this.#tensors = new Map([...tensors].map(([name, tensor]) => [name, copy(tensor)]))
    // A fresh adapter comes without what the optimizer remembers.
    for (const [name, tensor] of tensors)
      if (!name.startsWith('optimizer/') && !tensors.has(`optimizer/v/${name}`))
        this.#tensors.set(`optimizer/v/${name}`, {
          ...tensor,
          data: new Float32Array(tensor.data.length),
        })
    this.#steps = steps
  }

  dispose(): void {
    this.isDisposed = true
  }

  #logits({ data }: Latent): Float32Array {
    const weight = this.#tensors.get('head.weight')!.data
    const bias = this.#tensors.get('head.bias')!.data
    return Float32Array.from(this.#labels, (_, label) => {
      let sum = bias[label]!
      for (let at = 0; at < width; at += 1)
        sum += data[at]! * weight[at * this.#labels.length + label]!
      return sum
    })
  }

  #gradientOf(name: string): Float32Array {
    return new Float32Array(this.#tensors.get(name)!.data.length)
  }

  #move(name: string, gradient: Float32Array, rateFactor: number): void {
    const { data } = this.#tensors.get(name)!
    const velocity = this.#tensors.get(`optimizer/v/${name}`)!.data
    for (let at = 0; at < data.length; at += 1) {
      velocity[at] = 0.5 * velocity[at]! - 0.1 * rateFactor * gradient[at]!
      data[at]! += velocity[at]!
    }
  }
}

function isWanted({ kind, label }: LabelTarget, name: string): boolean {
  return kind === 'label' && label === name
}

function softmaxOf(logits: Float32Array): Float64Array {
  const top = Math.max(...logits)
  const raised = Float64Array.from(logits, (logit) => Math.exp(logit - top))
  const sum = raised.reduce((total, value) => total + value, 0)
  return raised.map((value) => value / sum)
}

function copy({ shape, data }: Tensor): Tensor {
  return { shape: [...shape], data: data.slice() }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
