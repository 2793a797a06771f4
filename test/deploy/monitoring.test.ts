/** Prometheus and Grafana ask for metrics that the daemon has, by labels that they have. */
import { expect, test } from 'vitest'
import { exposedMetrics, readText, readYaml } from './files.ts'
import { readQuery } from './promql.ts'

const metrics = exposedMetrics()
/** Of the scrape, on every metric. */
const scraped = ['instance', 'job']

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string
      readonly expr: string
      readonly labels: { readonly severity: string }
      readonly annotations: { readonly summary: string; readonly runbook: string }
    }[]
  }[]
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}
interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly definition: string }[]
  }
}

const rules = (readYaml('prometheus/alerts.yml') as Rules).groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(readText('grafana/dashboards/antikythera.json')) as Dashboard
const panels = dashboard.panels.filter(({ type }) => type !== 'row')

function faults(expression: string, shown = ''): string[] {
  const { selectors, grouping } = readQuery(expression.replaceAll('$model', 'm'))
  const ours = selectors.filter(({ metric }) => metric !== 'up')
  const unknown = ours.filter(({ metric }) => !metrics.has(metric)).map(({ metric }) => metric)
  const has = ({ metric }: { metric: string }, label: string) =>
    scraped.includes(label) || (metrics.get(metric)?.includes(label) ?? false)
  const legend = [...shown.matchAll(/\{\{ *(?:\$labels\.)?(\w+) *\}\}/g)].map(([, label]) => label!)
  const asked = ours.flatMap((selector) =>
    [...selector.labels, ...grouping]
      .filter((label) => !has(selector, label))
      .map((label) => `${selector.metric} has no label ${label}`),
  )
  const kept = (label: string) => grouping.length === 0 || grouping.includes(label)
  const lost = legend.filter((label) => !kept(label) || ours.some((each) => !has(each, label)))
  return [...unknown, ...asked, ...lost.map((label) => `${label} is not in the answer`)]
}

test.each(rules.map((rule) => [rule.alert, rule] as const))(
  'the alarm %s asks for what there is, and says what it means and where to read on',
  (_name, { expr, labels, annotations }) => {
    expect(faults(expr, annotations.summary)).toEqual([])
    expect(['critical', 'warning']).toContain(labels.severity)
    const [path = '', anchor = ''] = annotations.runbook.replace('deploy/', '').split('#')
    const headings = [...readText(path).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    )
    expect(headings).toContain(anchor)
  },
)

test.each(['antikythera_source_up', 'antikythera_trainer_up'])('an alarm watches %s', (metric) => {
  expect(rules.filter(({ expr }) => expr.includes(metric))).not.toEqual([])
})

test('every alarm stands in the runbook', () => {
  const runbook = readText('alarms.md')
  expect(rules.map(({ alert }) => alert).filter((alert) => !runbook.includes(alert))).toEqual([])
})

test.each(panels.map((panel) => [panel.title, panel] as const))(
  'the panel %s asks for what there is, of the datasource that is provisioned',
  (_title, { targets = [], datasource }) => {
    expect(targets.length).toBeGreaterThan(0)
    for (const { expr, legendFormat } of targets) expect(faults(expr, legendFormat)).toEqual([])
    const { datasources } = readYaml('grafana/provisioning/datasources/prometheus.yaml') as {
      datasources: { uid: string; url: string }[]
    }
    expect(datasources.map(({ uid }) => uid)).toContain(datasource?.uid)
  },
)

test('an alarm on a count lies between two counts, because increase() extrapolates', () => {
  const counted = rules.map(({ expr }) => /increase\(.*> *([\d.]+)$/.exec(expr)?.[1])
  const whole = counted.filter((count) => Number(count) > 0 && Number.isInteger(Number(count)))
  expect(whole).toEqual([])
})

test('the choice of the dashboard is a label of a metric', () => {
  const [{ name, definition }] = dashboard.templating.list as [{ name: string; definition: string }]
  const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? []
  expect(metrics.get(metric)).toContain(label)
  expect(name).toBe('model')
})

test('panels have ids of their own and do not lie over each other', () => {
  const ids = dashboard.panels.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
})

test('a metric that is not there, a label that it has not, and what is no PromQL would be found', () => {
  expect(faults('antikythera_bogus_total')).toEqual(['antikythera_bogus_total'])
  expect(faults('antikythera_steps{code="A"}')).toHaveLength(1)
  expect(faults('sum by (code) (antikythera_steps)')).toHaveLength(1)
  expect(faults('sum by (model) (antikythera_swaps_total)', '{{by}}')).toHaveLength(1)
  expect(() => faults('sum by (model (rate(antikythera_steps')).toThrow('no PromQL')
})
