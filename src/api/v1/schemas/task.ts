/**
 * The shapes that v1 shares with the tasks of this daemon: what the core answers, and what each task adds to it. With several
 * tasks, a field that not all of them have is optional.
 */
import { Type, type Static, type TObject } from 'typebox'
import type { SchemaPart, TaskSchemas } from '../../../contracts/task-view.ts'
import type { Services } from '../../../serving/services/services.ts'

/** One part of the schemas of each task that this daemon has, each once. */
export function partsOf({ models }: Services, part: keyof TaskSchemas): readonly SchemaPart[] {
  return [...new Set(models.map(({ task }) => task.view.schemas[part]))]
}

/** `core` with these parts, behind `after` where that is named and at the end where it is not. */
export function extended<Core extends TObject>(
  core: Core,
  parts: readonly SchemaPart[],
  after?: keyof Static<Core> & string,
) {
  const own = Object.entries<object>(core.properties)
  const place = after === undefined ? own.length : own.findIndex(([name]) => name === after) + 1
  const added = Object.entries(propertiesOf(parts))
  const common = Object.keys(propertiesOf(parts)).filter((name) =>
    parts.every(({ required = [] }) => required.includes(name)),
  )
  const properties = Object.fromEntries([...own.slice(0, place), ...added, ...own.slice(place)])
  // Absent if every property is optional, whatever its type says.
  const { required: needed = [] } = core as { readonly required?: readonly string[] }
  const required = [...needed, ...common]
  return Type.Unsafe<Static<Core>>({ ...core, properties, required })
}

/** Two tasks may give a field of one name different shapes. */
function propertiesOf(parts: readonly SchemaPart[]): Readonly<Record<string, object>> {
  const found = new Map<string, object[]>()
  for (const { properties } of parts)
    for (const [name, schema] of Object.entries(properties)) {
      const others = found.get(name) ?? []
      const isKnown = others.some((each) => JSON.stringify(each) === JSON.stringify(schema))
      found.set(name, isKnown ? others : [...others, schema])
    }
  return Object.fromEntries(
    [...found].map(([name, shapes]) => [
      name,
      shapes.length === 1 ? (shapes[0] ?? {}) : Type.Unsafe({ anyOf: shapes }),
    ]),
  )
}
