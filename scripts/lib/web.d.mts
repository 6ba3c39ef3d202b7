export const dist: string
export function buildWeb(): Promise<void>
