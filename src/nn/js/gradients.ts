/**
 * How gradients flow back along a tape. The first time finds out which values one reaches, and in which order: every repetition
 * is the same, only that gradients that are added to are set to zero first.
 */
import type { PlainValue, Recorder } from './value.ts'
import { type Arena, kernels } from './wasm/memory.ts'

const { zero } = kernels

interface Back {
  readonly value: PlainValue
  readonly back: (gradientAt: number) => void
}

interface Region {
  readonly at: number
  bytes: number
}

export function openGradients(arena: Arena) {
  const backs: Back[] = []
  /** Parameters that lie elsewhere, and where their gradients do. */
  const held = new Map<PlainValue, number>()
  /** Set to zero before each repetition: gradients on the tape, and those of held parameters. */
  const own: Region[] = []
  const others: Region[] = []
  let flows: (() => void)[] | undefined
  let isAddedNow = false

  const placed = (value: PlainValue) => {
    const elsewhere = held.get(value)
    return (value.gradientAt = elsewhere ?? arena.take(value.size))
  }
  const gradientIn = (value: PlainValue): number => {
    if (value.gradientAt !== undefined) return value.gradientAt
    const at = placed(value)
    const region = { at, bytes: 4 * value.size }
    if (held.has(value)) others.push(region)
    else join(own, region)
    if (!held.has(value) || !isAddedNow) zero(at, region.bytes)
    return at
  }
  const gradientOver = (value: PlainValue): ReturnType<Recorder['gradientOver']> => {
    const isFirst = value.gradientAt === undefined
    const at = value.gradientAt ?? placed(value)
    const isHeld = held.has(value)
    return { at, isFirst: () => isFirst && !(isHeld && isAddedNow) }
  }
  const begin = (output: PlainValue, gradient: Float32Array) => {
    if (output.gradientAt === undefined) placed(output)
    output.gradient?.set(gradient)
  }
  const first = (): (() => void)[] => {
    const found: (() => void)[] = []
    for (const { value, back } of backs.toReversed()) {
      const { gradientAt } = value
      if (gradientAt === undefined) continue
      back(gradientAt)
      found.push(() => {
        back(gradientAt)
      })
    }
    return found
  }
  return {
    ...{ backs, held, gradientIn, gradientOver },
    backward(output: PlainValue, gradient: Float32Array, isAdded: boolean) {
      isAddedNow = isAdded
      if (flows === undefined) {
        begin(output, gradient)
        flows = first()
        return
      }
      for (const { at, bytes } of own) zero(at, bytes)
      if (!isAdded) for (const { at, bytes } of others) zero(at, bytes)
      begin(output, gradient)
      for (const flow of flows) flow()
    },
  }
}

/** Taken one after the other, they mostly are neighbours. */
function join(regions: Region[], { at, bytes }: Region): void {
  const last = regions.at(-1)
  const padded = last === undefined ? 0 : Math.ceil((last.at + last.bytes) / 16) * 16
  if (last !== undefined && padded === at) last.bytes = at + bytes - last.at
  else regions.push({ at, bytes })
}
