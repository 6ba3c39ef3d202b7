export const entry: string
export function build(): Promise<void>
