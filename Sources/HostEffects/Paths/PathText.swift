/// Path arithmetic on text, without touching the file system.
package enum PathText {
    /// The directory part: `/` for `/a`, `.` for a bare name.
    package static func parent(of path: String) -> String {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    /// The final component.
    package static func name(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return String(path[path.index(after: slash)...])
    }

    package static func join(_ directory: String, _ name: String) -> String {
        directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
    }

    /// Whether `path` is `directory` itself or lies below it. Both must be clean absolute paths.
    package static func isWithin(_ path: String, _ directory: String) -> Bool {
        if directory == "/" || path == directory { return true }
        return path.hasPrefix(directory.hasSuffix("/") ? directory : directory + "/")
    }
}
