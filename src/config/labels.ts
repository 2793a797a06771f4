/**
 * Converts the labels of a config to their canonical spelling. Labels that become equal are refused, each at its place.
 */
import type { Problem } from './problem.ts'
import type { Config, ModelConfig } from './schema/schema.ts'
import { labelForm } from '../tasks/classification/label-form.ts'

export function withLabelForms(config: Config, problems: Problem[]): Config {
  const models = Object.entries(config.models).map(([name, model]) => [
    name,
    model.labels === undefined
      ? model
      : { ...model, labels: formsOf(model.labels, ['models', name, 'labels'], problems) },
  ])
  return { ...config, models: Object.fromEntries(models) as Config['models'] }
}

type Labels = NonNullable<ModelConfig['labels']>

function formsOf(labels: Labels, path: Problem['path'], problems: Problem[]): Labels {
  if (!('open' in labels)) return forms(labels, path, problems)
  return {
    ...labels,
    known: forms(labels.known, [...path, 'known'], problems),
    retired: forms(labels.retired, [...path, 'retired'], problems),
    ...(labels.renamed && { renamed: renamedForms(labels.renamed) }),
  }
}

function renamedForms(renamed: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(renamed).map((pair) => pair.map(labelForm))
  return Object.fromEntries(pairs) as Record<string, string>
}

function forms(labels: readonly string[], path: Problem['path'], problems: Problem[]) {
  const all = labels.map(labelForm)
  for (const [index, label] of all.entries()) {
    const message = faultOf(label, all.indexOf(label) === index)
    if (message !== undefined) problems.push({ path: [...path, index], at: 'value', message })
  }
  return all
}

function faultOf(label: string, isFirst: boolean): string | undefined {
  if (label === '') return 'is blank'
  if (isFirst) return undefined
  return `repeats ${JSON.stringify(label)}: surrounding blanks and the Unicode form do not distinguish labels`
}
