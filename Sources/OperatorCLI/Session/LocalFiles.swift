import HostEffects

/// Files of the user: read whole, failures as failures of the command.
enum LocalFiles {
    /// `nil` when the file does not exist. Symbolic links are followed: the user named the path.
    static func read(_ path: String, fileSystem: FileSystem = .live) throws(CLIFailure) -> [UInt8]? {
        do {
            return try fileSystem.read(PathRules.realPath(path) ?? path)
        } catch {
            throw failure(error)
        }
    }

    static func failure(_ error: FileError) -> CLIFailure {
        .file(message: error.description, isPermission: error.reason == .permissionDenied)
    }
}
