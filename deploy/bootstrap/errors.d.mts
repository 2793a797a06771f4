export class SetupError extends Error {
  constructor(code: string, detail?: string, options?: { cause?: unknown })
  readonly code: string
  readonly fix: string
}

export const SETUP_ERRORS: Readonly<Record<string, { readonly what: string; readonly fix: string }>>

export function asSetupError(error: unknown, stepName: string): SetupError
