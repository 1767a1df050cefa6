#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The part of this process's memory that only shows its program file: text, constants, metadata.
///
/// What a program needed to start stays mapped for as long as it runs, most of it never to be used again. Taking such
/// pages out of the process costs a soft fault for each that is used later; the file stays in the page cache.
package enum ResidentCode {
    /// Takes them out; the number of mappings. Does nothing where the kernel does not tell what a process maps.
    ///
    /// Only the program itself: a library may be in the middle of being loaded by another thread.
    @discardableResult
    package static func release() -> Int {
        #if os(Linux)
            var released = 0
            for mapping in MappedFile.list(of: programPath, smaps: contents(of: "/proc/self/smaps")) {
                guard let start = UnsafeMutableRawPointer(bitPattern: mapping.start) else { continue }
                if madvise(start, Int(mapping.end - mapping.start), MADV_DONTNEED) == 0 { released += 1 }
            }
            return released
        #else
            return 0
        #endif
    }

    /// As the kernel names it, also after the file was replaced.
    private static var programPath: String {
        var octets = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &octets, octets.count)
        return String(decoding: octets.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func contents(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: octets, as: UTF8.self) }
            octets += buffer[..<count]
        }
    }
}

/// A mapping that this process cannot write and has not changed, so that its pages can be read from the file again.
package struct MappedFile: Hashable, Sendable {
    package let start: UInt
    package let end: UInt

    package init(start: UInt, end: UInt) {
        self.start = start
        self.end = end
    }

    /// The mappings of that kind of one file in a text of the form of `/proc/<pid>/smaps` (proc(5)).
    package static func list(of path: String, smaps: String) -> [MappedFile] {
        guard !path.isEmpty else { return [] }
        var found: [MappedFile] = []
        var candidate: MappedFile?
        func keep() {
            if let candidate { found.append(candidate) }
        }
        for line in smaps.split(separator: "\n") {
            if let header = Header(line) {
                keep()
                candidate = header.isReadOnly && header.path == path ? header.mapping : nil
                continue
            }
            let words = line.split(separator: " ")
            // Pages of its own, which the file does not have: relocated addresses, breakpoints. Pages that are merely
            // dirty belong to a file that was written a moment ago.
            if words.count == 3, words[0] == "Anonymous:", words[1] != "0" { candidate = nil }
        }
        keep()
        return found
    }

    /// `559e0a5f4000-559e0a600000 r-xp 00000000 fe:00 1234 /usr/bin/program`
    private struct Header {
        let mapping: MappedFile
        let isReadOnly: Bool
        let path: Substring

        init?(_ line: Substring) {
            let words = line.split(separator: " ", maxSplits: 5)
            guard words.count >= 5, words[1].utf8.count == 4 else { return nil }
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { return nil }
            mapping = MappedFile(start: ends[0], end: ends[1])
            isReadOnly = words[1].hasPrefix("r-")
            path = words.count == 6 ? words[5].drop { $0 == " " } : ""
        }
    }
}
