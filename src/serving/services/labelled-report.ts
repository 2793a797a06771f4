/** What is shown and measured of the quality report of a classification. */
import type { QualityReport } from '../../evaluation/contract.ts'

interface Baseline {
  readonly accuracy_recent: number
}

export interface LabelledReport extends Pick<
  QualityReport,
  'accuracy_recent_by_source' | 'sources'
> {
  readonly accuracy_recent: number
  readonly baselines: { readonly majority: Baseline; readonly last_label: Baseline }
  readonly calibration: { readonly ece: number }
  readonly labels: readonly {
    readonly label: string
    readonly support: number
    readonly precision: number | null
    readonly recall: number | null
  }[]
}

export function labelledReport(report: QualityReport): LabelledReport {
  return report as unknown as LabelledReport
}
