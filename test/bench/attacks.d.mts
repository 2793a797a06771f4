export type Attack = readonly [path: string, type?: string, body?: () => string]
export const models: Readonly<Record<string, object>>
export const attacks: Readonly<Record<string, Attack>>
export function send(port: number, attack: Attack): Promise<number>
