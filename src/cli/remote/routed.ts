/** The canary and the shadow beside a live version, as text. */
export interface Routed {
  readonly canary?: { readonly version: string; readonly share: number }
  readonly shadow?: { readonly version: string }
}

/** ` + v6 at 10 %`, ` ~ v6 (shadow)`, or nothing. */
export function trialText({ canary, shadow }: Routed): string {
  const percent = canary && Number((100 * canary.share).toPrecision(3))
  return [
    canary === undefined ? '' : ` + ${canary.version} at ${percent} %`,
    shadow === undefined ? '' : ` ~ ${shadow.version} (shadow)`,
  ].join('')
}
