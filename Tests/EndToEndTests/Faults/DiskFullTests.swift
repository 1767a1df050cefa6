import Foundation
import TestSupport
import Testing

@Suite(
    "SQLite on a full disk refuses writes and recovers without damage", .tags(.slow, .fault),
    .enabled(if: getuid() == 0))
struct DiskFullTests {
    @Test("writes are refused with 503 while the disk is full and work again afterwards")
    func fullDisk() async throws {
        let volume = try TemporaryDirectory("volume")
        let mounted = try await runProgram(
            "/usr/bin/mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", volume.url.path],
            logs: FileManager.default.temporaryDirectory
        )
        try #require(mounted.status == 0, "\(mounted.errors)")
        do {
            try await exercise(volume: volume)
        } catch {
            _ = try await runProgram(
                "/usr/bin/umount", ["-l", volume.url.path], logs: FileManager.default.temporaryDirectory)
            throw error
        }
        _ = try await runProgram(
            "/usr/bin/umount", ["-l", volume.url.path], logs: FileManager.default.temporaryDirectory)
    }

    private func exercise(volume: TemporaryDirectory) async throws {
        let server = try await ControlPlane.start(databaseURL: "sqlite:\(volume.path("certctl.db"))")
        try await server.becomeAdministrator()
        let ballast = volume.path("ballast")
        _ = FileManager.default.createFile(atPath: ballast, contents: nil)
        let handle = try FileHandle(forWritingTo: URL(filePath: ballast))
        let chunk = Data(repeating: 0x5A, count: 64 * 1024)
        while (try? handle.write(contentsOf: chunk)) != nil {}
        try? handle.close()

        var refusal: CurlClient.Reply?
        var accepted = 0
        for number in 0..<400 where refusal == nil {
            let reply = try await server.client.post("/api/v1/teams", ["id": "t-\(number)", "name": "team \(number)"])
            if reply.status == 201 { accepted += 1 } else { refusal = reply }
        }
        let refused = try #require(refusal, "the disk never filled")
        #expect(refused.status == 503, "\(refused.body)")
        #expect(!refused.body.contains("SQLITE"), "\(refused.body)")
        try FileManager.default.removeItem(atPath: ballast)

        let again = try await server.client.post("/api/v1/teams", ["id": "t-after", "name": "after"])
        #expect(again.status == 201, "\(again.body)")
        await server.stop()
        try await server.startAgain()
        let teams = try await server.client.get("/api/v1/teams?per_page=500")
        #expect((teams.json["total"] as? Int ?? 0) >= accepted + 1, "\(teams.body.prefix(300))")
        await server.stop()
    }
}
