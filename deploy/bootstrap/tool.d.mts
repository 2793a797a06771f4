export interface ToolOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly timeoutSeconds?: number
  readonly stallSeconds?: number
  readonly watch?: () => unknown
  readonly onTick?: (seconds: number) => void
}

export interface ToolResult {
  readonly output: string
  readonly seconds: number
  readonly code: number
  readonly missing: boolean
  readonly stopped?: string
  readonly signal?: NodeJS.Signals | null
}

export function runTool(
  command: string,
  args: readonly string[],
  options?: ToolOptions,
): Promise<ToolResult>

export function reasonLine(
  result: Pick<ToolResult, 'output' | 'code'> & Partial<ToolResult>,
): string
