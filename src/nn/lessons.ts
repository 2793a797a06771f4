/**
 * The lessons of a version as a tensor, so that they go wherever its other tensors go: UTF-8, two bytes in each number, which
 * float32 holds exactly.
 */
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { ParameterSpec } from '../contracts/ops.ts'
import type { Lesson } from '../contracts/text-task.ts'

const NAME = 'memory.texts'

/** `numbers`: as the manifest says. */
export function lessonSpecs(numbers: number): readonly ParameterSpec[] {
  return [{ name: NAME, shape: [numbers], start: 'zeros' }]
}

export function lessonTensors(lessons: readonly Lesson[]): Tensors {
  const bytes = new TextEncoder().encode(JSON.stringify(lessons))
  const data = new Float32Array(Math.ceil(bytes.length / 2))
  for (let at = 0; at < data.length; at += 1)
    data[at] = (bytes[2 * at] ?? 0) + 256 * (bytes[2 * at + 1] ?? SPACE)
  return new Map<string, Tensor>([[NAME, { shape: [data.length], data }]])
}

/** None if the version has no such memory. */
export function lessonsIn(parameters: Tensors): readonly Lesson[] {
  const numbers = parameters.get(NAME)
  if (numbers === undefined) return []
  const bytes = Uint8Array.from({ length: 2 * numbers.data.length }, (_, at) => {
    const number = numbers.data[at >> 1] ?? 0
    return at % 2 === 0 ? number % 256 : Math.floor(number / 256)
  })
  return JSON.parse(new TextDecoder().decode(bytes)) as readonly Lesson[]
}

/** JSON may end with it. */
const SPACE = 32
