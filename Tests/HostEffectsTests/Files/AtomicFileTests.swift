import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("A file is replaced whole or not at all")
struct AtomicFileTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory("atomic")
        path = directory.path("file")
    }

    private func read() throws -> String? {
        try FileSystem.live.read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    private func replace(_ text: String, _ files: FileSystem) throws {
        try AtomicFile.replace(path, with: Array(text.utf8), mode: 0o644, stamp: 7, fileSystem: files)
    }

    @Test("content and mode are as asked, and nothing else remains")
    func replaces() throws {
        try replace("old", .live)
        try replace("new", .live)
        #expect(try read() == "new")
        #expect(try FileSystem.live.status(path)?.mode == 0o644)
        #expect(try FileSystem.live.list(directory.url.path) == ["file"])
    }

    @Test("whichever effect fails, a reader sees the old or the new content")
    func faultAtEveryEffect() throws {
        let counter = FaultGate()
        try replace("old", .live)
        try replace("new", counter.fileSystem)
        #expect(counter.effects >= 6)
        for fault in 0..<counter.effects {
            try replace("old", .live)
            #expect(throws: FileError.self) { try replace("new", FaultGate(.fail(at: fault)).fileSystem) }
            let content = try read()
            #expect(content == "old" || content == "new", "fault \(fault) left \(content ?? "nothing")")
            #expect(try FileSystem.live.list(directory.url.path) == ["file"], "fault \(fault) left a temporary")
        }
    }

    @Test("after a crash at any effect, a reader sees the old or the new content")
    func crashAtEveryEffect() throws {
        let counter = FaultGate()
        try replace("old", .live)
        try replace("new", counter.fileSystem)
        for fault in 0..<counter.effects {
            try replace("old", .live)
            #expect(throws: FileError.self) { try replace("new", FaultGate(.crash(at: fault)).fileSystem) }
            let content = try read()
            #expect(content == "old" || content == "new", "crash \(fault) left \(content ?? "nothing")")
            try FileSystem.live.remove(path + ".certctl-tmp.7")
        }
    }

    @Test("a temporary that exists already is not written through")
    func exclusiveCreation() throws {
        try replace("old", .live)
        try FileSystem.live.create(path + ".certctl-tmp.7", Array("foreign".utf8))
        #expect(throws: FileError(.create, path + ".certctl-tmp.7", .alreadyExists)) { try replace("new", .live) }
        #expect(try read() == "old")
        #expect(try FileSystem.live.read(path + ".certctl-tmp.7") == Array("foreign".utf8))
    }

    @Test("only old temporaries of the same file are orphans")
    func orphans() throws {
        let names = ["file.certctl-tmp.1", "other.certctl-tmp.1", "file.txt"]
        for name in names { try FileSystem.live.create(directory.path(name), []) }
        let written = try #require(try FileSystem.live.status(directory.path(names[0]))).modifiedSeconds
        try AtomicFile.removeOrphans(of: path, olderThan: 60, now: written + 60, fileSystem: .live)
        #expect(try FileSystem.live.list(directory.url.path).count == 3)
        try AtomicFile.removeOrphans(of: path, olderThan: 60, now: written + 61, fileSystem: .live)
        #expect(try FileSystem.live.list(directory.url.path) == ["file.txt", "other.certctl-tmp.1"])
    }
}
