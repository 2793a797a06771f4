export interface Places {
  readonly root: string
  readonly env: NodeJS.ProcessEnv
  /** Not a package that npm installed. */
  readonly isCheckout: boolean
  readonly nodeModules: string
  readonly dist: string
  readonly state: string
  readonly tfjsNode: string
  readonly cache: string
}

export function places(options?: { root?: string; env?: NodeJS.ProcessEnv }): Places
export function readJson(path: string): unknown
