/** Slices and concatenates columns of the last axis. */
import type { PlainValue, Recorder } from './value.ts'
import { kernels } from './wasm/memory.ts'

const { add, copy } = kernels

export function lastAxis(tape: Recorder) {
  return {
    columns: (x: PlainValue, from: number, to: number) => columns(x, from, to, tape),
    concat: (parts: readonly PlainValue[]) => concat(parts, tape),
  }
}

function columns(x: PlainValue, from: number, to: number, tape: Recorder): PlainValue {
  const width = x.shape.at(-1) ?? 0
  const rows = x.size / width
  const size = to - from
  const y = tape.value([...x.shape.slice(0, -1), size], x.fixed)
  const [place, whole, part] = [4 * from, 4 * width, 4 * size]
  tape.note(
    y,
    () => {
      copy(y.at, x.at + place, 0, rows, size, part, whole, 0)
    },
    (dy) => {
      const to = tape.gradientIn(x) + place
      add(to, to, dy, rows, size, whole, whole, part)
    },
  )
  return y
}

function concat(parts: readonly PlainValue[], tape: Recorder): PlainValue {
  const sizes = parts.map(({ shape }) => shape.at(-1) ?? 0)
  const width = sizes.reduce((sum, size) => sum + size, 0)
  const rows = (parts[0]?.size ?? 0) / (sizes[0] ?? 1)
  const leading = parts[0]?.shape.slice(0, -1) ?? []
  const y = tape.value(
    [...leading, width],
    parts.every((part) => part.fixed),
  )
  const whole = 4 * width
  let from = 0
  const placed = parts.map((part, index) => {
    const size = sizes[index] ?? 0
    from += size
    return { part, size, own: 4 * size, place: 4 * (from - size) }
  })
  tape.note(
    y,
    () => {
      for (const { part, size, own, place } of placed)
        copy(y.at + place, part.at, 0, rows, size, whole, own, 0)
    },
    (dy) => {
      for (const { part, size, own, place } of placed) {
        if (part.fixed) continue
        const to = tape.gradientIn(part)
        add(to, to, dy + place, rows, size, own, own, whole)
      }
    },
  )
  return y
}
