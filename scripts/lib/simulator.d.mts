/** Answers the file that both the simulator and the platform read. */
export declare const writeAccounts: (data: string, port: number, given?: string) => string
