export declare const isUnwanted: () => boolean
export declare const chromium: () => Promise<{ readonly program: string; readonly env: Readonly<Record<string, string>> }>
