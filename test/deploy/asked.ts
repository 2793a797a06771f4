/** Every metric of the daemon that a panel of Grafana or an alarm of Prometheus asks for. */
import { readText, readYaml } from './files.ts'
import { readQuery } from './promql.ts'

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[]
}
interface Dashboard {
  readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
}

export function metricsAsked(): readonly string[] {
  const { groups } = readYaml('prometheus/alerts.yml') as Rules
  const { panels } = JSON.parse(readText('grafana/dashboards/antikythera.json')) as Dashboard
  const queries = [
    ...groups.flatMap(({ rules }) => rules),
    ...panels.flatMap(({ targets = [] }) => targets),
  ]
  const names = queries.flatMap(({ expr }) =>
    readQuery(expr.replaceAll('$model', 'm')).selectors.map(({ metric }) => metric),
  )
  return [...new Set(names)].filter((name) => name !== 'up').sort()
}
