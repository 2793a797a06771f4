interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
}

export function flameGraph(profile: CpuProfile, title: string): string
export function hottest(
  profile: CpuProfile,
  most?: number,
): readonly { readonly name: string; readonly share: number }[]
