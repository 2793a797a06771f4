/** A check of `doctor`: a name, and a test of this machine with a result that includes the fix. */
import type { Config, ModelConfig } from '../../config/config.ts'

export interface Finding {
  /** A warning means that it works, but not well. */
  readonly verdict: 'ok' | 'warning' | 'failed'
  readonly detail: string
  /** Present whenever the verdict is not ok. */
  readonly fix?: string
  /** Results that the report shows separately. */
  readonly engine?: Readonly<Record<string, string>>
}

export interface Check {
  readonly name: string
  run(place: Place): Promise<Finding> | Finding
}

/** Where the daemon would run: from its config, or the defaults. */
export interface Place {
  readonly dataDir: string
  readonly host: string
  readonly port: number
  readonly workers: number
  /** The bases of the config, each once. */
  readonly bases: readonly ModelConfig['base'][]
  readonly config: Config | undefined
}

export const ok = (detail: string): Finding => ({ verdict: 'ok', detail })
export const warning = (detail: string, fix: string): Finding => ({
  verdict: 'warning',
  detail,
  fix,
})
export const failed = (detail: string, fix: string): Finding => ({ verdict: 'failed', detail, fix })

export function gibibytes(sizeBytes: number): string {
  return `${(sizeBytes / 2 ** 30).toFixed(1)} GiB`
}
