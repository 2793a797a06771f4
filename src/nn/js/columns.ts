/** Slices and concatenates columns of the last axis. */
import { addScaled, gradientIn, type Note, type PlainValue } from './value.ts'

export function lastAxis(note: Note) {
  return {
    columns: (x: PlainValue, from: number, to: number) => columns(x, from, to, note),
    concat: (parts: readonly PlainValue[]) => concat(parts, note),
  }
}

function columns(x: PlainValue, from: number, to: number, note: Note): PlainValue {
  const width = x.shape.at(-1) ?? 0
  const rows = x.data.length / width
  const size = to - from
  const shape = [...x.shape.slice(0, -1), size]
  const y: PlainValue = { shape, data: new Float32Array(rows * size), fixed: x.fixed }
  for (let row = 0; row < rows; row += 1)
    y.data.set(x.data.subarray(row * width + from, row * width + to), row * size)
  note(y, (dy) => {
    const gradient = gradientIn(x)
    for (let row = 0; row < rows; row += 1)
      addScaled(gradient, row * width + from, dy, row * size, size, 1)
  })
  return y
}

function concat(parts: readonly PlainValue[], note: Note): PlainValue {
  const sizes = parts.map(({ shape }) => shape.at(-1) ?? 0)
  const width = sizes.reduce((sum, size) => sum + size, 0)
  const rows = (parts[0]?.data.length ?? 0) / (sizes[0] ?? 1)
  const leading = parts[0]?.shape.slice(0, -1) ?? []
  const fixed = parts.every((part) => part.fixed)
  const y: PlainValue = { shape: [...leading, width], data: new Float32Array(rows * width), fixed }
  const eachPart = (work: (part: PlainValue, size: number, row: number, place: number) => void) => {
    let place = 0
    for (const [index, part] of parts.entries()) {
      const size = sizes[index] ?? 0
      for (let row = 0; row < rows; row += 1) work(part, size, row, row * width + place)
      place += size
    }
  }
  eachPart((part, size, row, place) => {
    y.data.set(part.data.subarray(row * size, (row + 1) * size), place)
  })
  note(y, (dy) => {
    eachPart((part, size, row, place) => {
      if (!part.fixed) addScaled(gradientIn(part), row * size, dy, place, size, 1)
    })
  })
  return y
}
