/**
 * Which part of a long input decided for each class of its answer: the one that, asked about alone, has the class's highest output.
 * The answer itself does not depend on it.
 */
import type { Base } from '../../contracts/base.ts'
import type { Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import type { Task } from '../../contracts/task.ts'
import type { Manifest } from '../../versions/contract.ts'

export interface DecidingPart {
  /** What it decided for. */
  readonly answer: string
  /** [from, to) in characters (Unicode code points) of the input. */
  readonly from: number
  readonly to: number
}

interface PartSearch {
  readonly base: Pick<Base, 'parts'>
  readonly task: Pick<Task, 'classes' | 'headOf'>
  readonly manifest: Manifest
  readonly outputsOf: (rows: readonly EncodedRow[]) => Promise<readonly Float32Array[]>
}

/** So many parts wait for the engine at a time, so that a document leaves room in its queue. */
const AT_ONCE = 64

/** Undefined if the base has no parts, or an answer is no class. `output`: what the task answered. */
export async function decidingParts(
  { base, task, manifest, outputsOf }: PartSearch,
  input: Input,
  output: Json,
): Promise<readonly DecidingPart[] | undefined> {
  const { classes } = task
  if (base.parts === undefined || classes === undefined) return undefined
  const parts = base.parts(input)
  const names = classes.names(task.headOf(manifest.facts))
  const answered = classes.answered(output)
  const outputs: Float32Array[] = []
  if (answered.length > 0 && parts.length > 1)
    for (let at = 0; at < parts.length; at += AT_ONCE)
      outputs.push(...(await outputsOf(parts.slice(at, at + AT_ONCE).map(({ row }) => row))))
  return answered.flatMap((answer) => {
    const part = parts[highest(outputs, names.indexOf(answer))]
    return part === undefined ? [] : [{ answer, from: part.from, to: part.to }]
  })
}

/** The first of them, where several are equal. */
function highest(outputs: readonly Float32Array[], column: number): number {
  let best = 0
  for (const [at, row] of outputs.entries())
    if ((row[column] ?? -Infinity) > (outputs[best]?.[column] ?? -Infinity)) best = at
  return best
}
