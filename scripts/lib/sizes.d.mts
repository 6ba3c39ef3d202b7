export declare const functionLinesMax: number
export declare const folderFilesMax: number
/** One line, `path:line: why`, for every function below the folders of `root` that is too long. */
export declare const longFunctions: (root: string, folders: ReadonlyArray<string>) => ReadonlyArray<string>
/** One line, `path: why`, for every folder at or below the folders of `root` that holds too many files. */
export declare const fullFolders: (root: string, folders: ReadonlyArray<string>) => ReadonlyArray<string>
