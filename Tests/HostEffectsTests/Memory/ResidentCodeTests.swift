import Foundation
import HostEffects
import Testing

@Suite("Pages that only show a file are given back")
struct ResidentCodeTests {
    @Test("only unchanged mappings of the file that cannot be written are chosen")
    func choice() {
        let smaps = """
            55d000-56d000 r-xp 00000000 fe:00 17    /usr/bin/program with spaces
            Size:               1024 kB
            Private_Dirty:        64 kB
            Anonymous:             0 kB
            56d000-56e000 r--p 00010000 fe:00 17    /usr/bin/program with spaces
            Private_Dirty:         4 kB
            Anonymous:             4 kB
            56e000-56f000 r--p 00011000 fe:00 17    /usr/bin/program with spaces
            Private_Dirty:         0 kB
            Anonymous:             4 kB
            56f000-570000 rw-p 00012000 fe:00 17    /usr/bin/program with spaces
            Private_Dirty:         0 kB
            Anonymous:             0 kB
            570000-571000 r--p 00000000 00:00 0
            Private_Dirty:         0 kB
            Anonymous:             0 kB
            571000-572000 r-xp 00000000 00:00 0     [vdso]
            Private_Dirty:         0 kB
            Anonymous:             0 kB
            572000-573000 r--p 00000000 fe:00 18    /usr/lib/library.so
            Private_Dirty:         0 kB
            Anonymous:             0 kB
            VmFlags: rd mr mw me
            """
        #expect(
            MappedFile.list(of: "/usr/bin/program with spaces", smaps: smaps) == [
                MappedFile(start: 0x55d000, end: 0x56d000)
            ]
        )
        #expect(
            MappedFile.list(of: "/usr/lib/library.so", smaps: smaps) == [MappedFile(start: 0x572000, end: 0x573000)]
        )
        #expect(MappedFile.list(of: "", smaps: smaps).isEmpty)
    }

    @Test("nonsense chooses nothing", arguments: ["", "\n\n", "x-y r-xp 0 0 0 /a", "5-4 r-xp 00000000 fe:00 1 /a"])
    func nonsense(text: String) {
        #expect(MappedFile.list(of: "/a", smaps: text).isEmpty)
    }

    @Test(
        "the process shrinks and goes on, in every thread",
        .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/smaps"))
    )
    func release() async throws {
        let numbers = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var sum = 0
                    for index in 0..<200 {
                        sum += try #require(Int(String(format: "%d", worker * index)))
                        await Task.yield()
                    }
                    return sum
                }
            }
            let before = try Self.residentFileKiB()
            #expect(ResidentCode.release() > 0)
            #expect(try Self.residentFileKiB() < before)
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(numbers.sorted() == [0, 19_900, 39_800, 59_700])
    }

    private static func residentFileKiB() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("RssFile:") })
        return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) })
    }
}
