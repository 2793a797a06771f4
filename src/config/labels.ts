/**
 * Converts the labels of a config to their canonical spelling. Labels that become equal are refused, each at its place.
 */
import type { Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'
import { labelForm } from '../payloads/signals/label.ts'

type Warn = (path: Problem['path'], message: string) => void

export function withLabelForms(config: Config, problems: Problem[], warn: Warn): Config {
  const models = Object.entries(config.models).map(([name, model]) => [
    name,
    model.labels === undefined
      ? model
      : { ...model, labels: formsOf(model.labels, ['models', name, 'labels'], { problems, warn }) },
  ])
  return { ...config, models: Object.fromEntries(models) as Config['models'] }
}

type Labels = NonNullable<ModelConfig['labels']>

interface Report {
  readonly problems: Problem[]
  readonly warn: Warn
}

function formsOf(labels: Labels, path: Problem['path'], to: Report): Labels {
  if (!('open' in labels)) return forms(labels, path, to)
  return {
    ...labels,
    known: forms(labels.known, [...path, 'known'], to),
    retired: forms(labels.retired, [...path, 'retired'], to),
    ...(labels.renamed && { renamed: renamedForms(labels.renamed) }),
  }
}

function renamedForms(renamed: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(renamed).map((pair) => pair.map(labelForm))
  return Object.fromEntries(pairs) as Record<string, string>
}

function forms(labels: readonly string[], path: Problem['path'], { problems, warn }: Report) {
  const all = labels.map(labelForm)
  for (const [index, label] of all.entries()) {
    const message = faultOf(label, all.indexOf(label) === index)
    if (message !== undefined) problems.push({ path: [...path, index], at: 'value', message })
    const twin = all.find(
      (other, at) => at < index && other !== label && other.toLowerCase() === label.toLowerCase(),
    )
    if (twin !== undefined)
      warn([...path, index], `differs from ${JSON.stringify(twin)} only in case`)
  }
  return all
}

function faultOf(label: string, isFirst: boolean): string | undefined {
  if (label === '') return 'is blank'
  if (isFirst) return undefined
  return `repeats ${JSON.stringify(label)}: surrounding blanks and the Unicode form do not distinguish labels`
}
